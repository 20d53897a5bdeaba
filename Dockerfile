FROM python:3.13-slim-trixie AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src

# Wheels alone, each against its hash: nothing is compiled, and what the locks don't name doesn't come in.
COPY requirements/runtime.lock requirements/build.lock requirements/
RUN python -m venv --without-pip /opt/sidecar \
 && python -m pip --python /opt/sidecar/bin/python install --no-compile --no-deps --only-binary=:all: --require-hashes -r requirements/runtime.lock \
 && python -m venv --without-pip /opt/build \
 && python -m pip --python /opt/build/bin/python install --no-compile --no-deps --only-binary=:all: --require-hashes -r requirements/build.lock

# botocore describes 430 services, in 28 MB. The sidecar signs for all of them unseen, and calls itself what signs a developer in.
RUN find /opt/sidecar/lib/python3.*/site-packages/botocore/data -mindepth 1 -maxdepth 1 -type d \
      ! -name sts ! -name sso ! -name sso-oidc ! -name signin -exec rm -r {} +

# After the locks, so that a change of the code fetches nothing. Bytecode that is never checked against its source loads
# the same whatever happens to time stamps on the way.
COPY pyproject.toml README.md LICENSE ./
COPY sidecar sidecar
RUN python -m pip --python /opt/build/bin/python wheel --no-deps --no-build-isolation --no-index --wheel-dir /wheels . \
 && python -m pip --python /opt/sidecar/bin/python install --no-compile --no-deps --no-index /wheels/*.whl \
 && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/sidecar/lib


FROM python:3.13-slim-trixie
ARG VERSION=unreleased
LABEL org.opencontainers.image.title="Agent Identity Sidecar" \
      org.opencontainers.image.description="The identity layer for AI agents: who asked, and what may they do." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"

# The standard library comes without bytecode, and a read-only root file system can't keep any: each start would compile it anew.
RUN echo 'sidecar:x:65532:' >>/etc/group \
 && echo 'sidecar:x:65532:65532::/nonexistent:/usr/sbin/nologin' >>/etc/passwd \
 && install -d -o 65532 -g 65532 -m 0700 /var/lib/sidecar \
 && install -d -o 65532 -g 65532 -m 0750 /run/sidecar \
 && install -d /etc/sidecar \
 && python -m compileall -q -j 0 -x '/(site-packages|ensurepip|idlelib|lib2to3|pydoc_data|tests?|tkinter|turtledemo)/' "$(python -c 'import os; print(os.path.dirname(os.__file__))')"
COPY --from=build /opt/sidecar /opt/sidecar

ENV PATH=/opt/sidecar/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532
VOLUME ["/var/lib/sidecar", "/run/sidecar"]
EXPOSE 8080 8082 9090
STOPSIGNAL SIGTERM

# Without site and environment it takes 20 ms of CPU; a `health.listen` elsewhere needs its own.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["python", "-IS", "-c", "import socket, sys; c = socket.create_connection(('127.0.0.1', 9090), 2); c.sendall(b'GET /livez HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n'); sys.exit(b' 200 ' not in c.recv(64))"]

ENTRYPOINT ["sidecar"]
CMD ["serve", "--config", "/etc/sidecar/sidecar.yaml"]
