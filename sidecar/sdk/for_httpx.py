"""httpx, and httpx2: a transport that brings each request to the sidecar as the current invocation's."""

import threading
from collections import OrderedDict
from types import ModuleType
from typing import TYPE_CHECKING, Any, Self, overload
from weakref import WeakSet

from sidecar.sdk.hook import MOST_LANES, Hook, Sent
from sidecar.sdk.identity import INVOCATION

if TYPE_CHECKING:
    import ssl

    import httpx


@overload
def httpx_transport(*, verify: "ssl.SSLContext | None" = None) -> "httpx.BaseTransport": ...
@overload
def httpx_transport(library: ModuleType, *, verify: "ssl.SSLContext | None" = None) -> Any: ...
def httpx_transport(library: ModuleType | None = None, *, verify: "ssl.SSLContext | None" = None) -> Any:
    """For ``httpx.Client(transport=…)``. *library*: the module that stands in httpx's place, such as ``httpx2``.

    *verify*: the TLS context; by default the library's own, which takes ``SSL_CERT_FILE``.
    """
    module = _module(library)
    return _Transport(module, module.HTTPTransport, verify)


@overload
def httpx_async_transport(*, verify: "ssl.SSLContext | None" = None) -> "httpx.AsyncBaseTransport": ...
@overload
def httpx_async_transport(library: ModuleType, *, verify: "ssl.SSLContext | None" = None) -> Any: ...
def httpx_async_transport(library: ModuleType | None = None, *, verify: "ssl.SSLContext | None" = None) -> Any:
    """For ``httpx.AsyncClient(transport=…)``; otherwise as ``httpx_transport``."""
    module = _module(library)
    return _AsyncTransport(module, module.AsyncHTTPTransport, verify)


def _module(given: ModuleType | None) -> Any:
    if given is not None:
        return given
    import httpx

    return httpx


class _Lane:
    """The connections by way of one proxy, or of none."""

    def __init__(self, transport: Any) -> None:
        self.transport = transport
        self.opening = 0
        """Requests whose answer hasn't begun."""
        self.answers: WeakSet[Any] = WeakSet()
        """Answers' streams that someone still holds."""

    @property
    def idle(self) -> bool:
        return not self.opening and not self.answers


class _Lanes:
    """What both kinds of transport share: which request takes which lane, and which lanes are of no more use."""

    def __init__(self, library: Any, make: Any, verify: "ssl.SSLContext | None") -> None:
        self._library = library
        self._make = make
        self._verify = verify
        self._hook = Hook()
        self._lanes: OrderedDict[str | None, _Lane] = OrderedDict()
        self._lock = threading.Lock()

    def _prepare(self, request: Any) -> tuple[Any, Sent]:
        """The request as it is sent, and how. A copy: what is set on the original would outlive a redirect."""
        url = request.url
        sent = self._hook.sent(url.scheme, url.host, url.port, request.headers.get(INVOCATION))
        headers = request.headers.copy()
        headers.pop(INVOCATION, None)
        if sent.header is not None:
            headers[INVOCATION] = sent.header
        copied = self._library.Request(
            request.method, url, headers=headers, stream=request.stream, extensions=request.extensions
        )
        return copied, sent

    def _enter(self, sent: Sent) -> tuple[_Lane, list[Any]]:
        """The lane, and transports to be closed: those of idle lanes, where there are too many."""
        proxy = sent.proxy_with_user
        with self._lock:
            lane = self._lanes.pop(proxy, None) or _Lane(self._transport(proxy))
            self._lanes[proxy] = lane  # the last one is the one used last
            lane.opening += 1
            more = len(self._lanes) - MOST_LANES
            idle = [key for key, each in self._lanes.items() if each.idle][: max(0, more)]
            return lane, [self._lanes.pop(key).transport for key in idle]

    def _transport(self, proxy: str | None) -> Any:
        if self._verify is None:
            self._verify = self._library.create_ssl_context()  # one for all: each would read the bundle anew
        return self._make(verify=self._verify, proxy=proxy)

    def _began(self, lane: _Lane, answer: Any) -> None:
        with self._lock:
            lane.opening -= 1
            if answer is not None:
                lane.answers.add(answer.stream)

    def _all(self) -> list[Any]:
        with self._lock:
            transports = [lane.transport for lane in self._lanes.values()]
            self._lanes.clear()
        return transports


class _Transport(_Lanes):
    """``httpx.BaseTransport``, by its methods."""

    def handle_request(self, request: Any) -> Any:
        request, sent = self._prepare(request)
        lane, done = self._enter(sent)
        for transport in done:
            transport.close()
        answer = None
        try:
            answer = lane.transport.handle_request(request)
        finally:
            self._began(lane, answer)
        return answer

    def close(self) -> None:
        for transport in self._all():
            transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _AsyncTransport(_Lanes):
    """``httpx.AsyncBaseTransport``, by its methods."""

    async def handle_async_request(self, request: Any) -> Any:
        request, sent = self._prepare(request)
        lane, done = self._enter(sent)
        answer = None
        try:
            for transport in done:
                await transport.aclose()
            answer = await lane.transport.handle_async_request(request)
        finally:
            self._began(lane, answer)
        return answer

    async def aclose(self) -> None:
        for transport in self._all():
            await transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
