"""requests: an adapter that brings each request to the sidecar as the current invocation's."""

import threading
from typing import TYPE_CHECKING, Any

from sidecar.sdk.hook import MOST_LANES, Hook
from sidecar.sdk.identity import INVOCATION
from sidecar.sdk.place import split

if TYPE_CHECKING:
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
            parts = split(request.url or "")
            scheme, host, port = (parts.scheme, parts.hostname or "", parts.port) if parts is not None else ("", "", 0)
            given = request.headers.get(INVOCATION)
            sent = self._hook.sent(scheme, host, port, given.decode() if isinstance(given, bytes) else given)
            copied = request.copy()  # what is set on the original would outlive a redirect
            copied.headers.pop(INVOCATION, None)
            if sent.header is not None:
                copied.headers[INVOCATION] = sent.header
            proxy = sent.proxy_with_user
            ours = {scheme: proxy} if proxy is not None else {}
            answer = super().send(copied, stream, timeout, verify, cert, ours)
            answer.request = request
            return answer

        def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
            """The pool of one proxy's URL, so of one invocation's tunnels. One that is forgotten ends with the last of
            its answers."""
            with self._lock:
                pool = super().proxy_manager_for(proxy, **kwargs)
                self.proxy_manager[proxy] = self.proxy_manager.pop(proxy)  # the last one is the one used last
                while len(self.proxy_manager) > MOST_LANES:
                    self.proxy_manager.pop(next(iter(self.proxy_manager)))
            return pool

    return Adapter()
