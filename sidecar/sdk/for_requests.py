"""requests: an adapter that brings each request to the sidecar as the current invocation's."""

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sidecar.sdk.hook import MOST_LANES, Hook
from sidecar.sdk.identity import INVOCATION
from sidecar.sdk.place import split

if TYPE_CHECKING:
    import ssl

    from requests import PreparedRequest, Response
    from requests.adapters import HTTPAdapter


def requests_adapter(**options: Any) -> "HTTPAdapter":
    """To be mounted on a session at ``https://`` and ``http://``. *options* are those of ``HTTPAdapter``."""
    from requests.adapters import HTTPAdapter

    class Adapter(HTTPAdapter):
        def __init__(self) -> None:
            super().__init__(**options)
            self._hook = Hook()
            self._lock = threading.Lock()
            self._trusted = _Trusted()

        def send(
            self,
            request: "PreparedRequest",
            stream: bool = False,
            timeout: Any = None,
            verify: Any = True,
            cert: Any = None,
            proxies: object = None,
        ) -> "Response":
            """What the session says of proxies isn't asked: the sidecar is the proxy, but where ``NO_PROXY`` says
            otherwise."""
            copied, proxy = _prepared(request, self._hook)
            answer = super().send(copied, stream, timeout, verify, cert, {"all": proxy} if proxy is not None else {})
            answer.request = request
            return answer

        def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
            """The pool of one proxy's URL, so of one invocation's tunnels. One that is forgotten ends with the last of
            its answers."""
            with self._lock:
                pool = super().proxy_manager_for(proxy, **kwargs)
                _bound(self.proxy_manager, proxy)
            return pool

        # requests reads the bundle anew for every connection. With one for each invocation that would be most of their
        # cost, so here they share a context.

        def build_connection_pool_key_attributes(
            self, request: "PreparedRequest", verify: Any, cert: Any = None
        ) -> Any:
            host, pool = super().build_connection_pool_key_attributes(request, verify, cert)
            if host["scheme"] == "https" and verify and cert is None:
                self._trusted.share(verify, pool)
            return host, pool

        def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
            super().cert_verify(conn, url, verify, cert)
            if "ssl_context" in conn.conn_kw:
                conn.ca_certs = None  # it is in the context already

    return Adapter()


def _prepared(request: "PreparedRequest", hook: Hook) -> "tuple[PreparedRequest, str | None]":
    """The request as it is sent, and by which proxy. A copy: what is set on the original would outlive a redirect."""
    parts = split(request.url or "")
    scheme, host, port = (parts.scheme, parts.hostname or "", parts.port) if parts is not None else ("", "", 0)
    given = request.headers.get(INVOCATION)
    sent = hook.sent(scheme, host, port, given.decode() if isinstance(given, bytes) else given)
    copied = request.copy()
    copied.headers.pop(INVOCATION, None)
    if sent.header is not None:
        copied.headers[INVOCATION] = sent.header
    return copied, sent.proxy_with_user


def _bound(pools: dict[str, Any], used: str) -> None:
    """Keep no more than ``MOST_LANES``, those used last."""
    pools[used] = pools.pop(used)
    while len(pools) > MOST_LANES:
        pools.pop(next(iter(pools)))


class _Trusted:
    """The context of the bundle that was last asked for, as the file was then."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bundle: tuple[str, int] | None = None
        self._context: ssl.SSLContext | None = None

    def share(self, verify: str | bool, pool: dict[str, Any]) -> None:
        """Let a *pool* that is about to be made have the context. What is no file is left as it is: requests finds its
        own words for that."""
        from requests.utils import DEFAULT_CA_BUNDLE_PATH

        path = Path(DEFAULT_CA_BUNDLE_PATH if verify is True else str(verify))
        if path.is_file():
            pool.pop("ca_certs", None)
            pool["ssl_context"] = self._read(path)

    def _read(self, path: Path) -> "ssl.SSLContext":
        from urllib3.util.ssl_ import create_urllib3_context

        bundle = (str(path), path.stat().st_mtime_ns)
        with self._lock:
            if self._context is None or self._bundle != bundle:
                context = create_urllib3_context()
                context.load_verify_locations(str(path))
                self._bundle, self._context = bundle, context
            return self._context
