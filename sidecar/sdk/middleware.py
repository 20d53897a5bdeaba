"""What stands around an application: each request's call is known for as long as the request is being answered."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from contextvars import Context, copy_context
from typing import Any

from sidecar.sdk.call import Call, current
from sidecar.sdk.identity import PREFIX

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApplication = Callable[[Scope, Receive, Send], Awaitable[None]]
WsgiApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_WSGI_PREFIX = "HTTP_" + PREFIX.upper().replace("-", "_")


class AsgiMiddleware:
    """Around an ASGI application: HTTP requests and WebSockets, streams to their end, background tasks included."""

    def __init__(self, app: AsgiApplication) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        token = current.set(Call.of(headers))
        try:
            await self.app(scope, receive, send)
        finally:
            current.reset(token)


class WsgiMiddleware:
    """Around a WSGI application: an answer that is made while the server takes it belongs to the call as well."""

    def __init__(self, app: WsgiApplication) -> None:
        self.app = app

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        # A context of its own: the server's threads serve others afterwards, and may take this answer's pieces between.
        context = copy_context()
        context.run(current.set, Call.of(_headers(environ)))
        answer = context.run(self.app, environ, start_response)
        if isinstance(answer, (list, tuple)) or _file(answer, environ):
            return answer  # nothing is left to be run: the server sees its length, or sends it by itself
        return _Streamed(context, answer)


class _Streamed:
    """An answer's pieces, each made in the call's context."""

    def __init__(self, context: Context, answer: Iterable[bytes]) -> None:
        self._context = context
        self._answer = answer
        self._pieces = context.run(iter, answer)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return self._context.run(next, self._pieces)

    def close(self) -> None:
        """PEP 3333: the server calls it whatever happened."""
        close = getattr(self._answer, "close", None)
        if close is not None:
            self._context.run(close)


def _headers(environ: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The headers that only the sidecar sets, by their own names."""
    for key, value in environ.items():
        if key.startswith(_WSGI_PREFIX):
            yield key.removeprefix("HTTP_").replace("_", "-"), value


def _file(answer: object, environ: dict[str, Any]) -> bool:
    """Whether it is what the server sends by a way of its own (PEP 3333: ``wsgi.file_wrapper``)."""
    wrapper = environ.get("wsgi.file_wrapper")
    return isinstance(wrapper, type) and isinstance(answer, wrapper)
