"""The call is known while its request is being answered: to the last piece, and not a moment longer."""

import asyncio
import io
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.util import FileWrapper

import httpx
import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route

from sidecar import sdk
from tests.sdk.handles import HANDLES

ALICE, BOB = HANDLES[:2]


def headers(handle: str = ALICE, subject: str = "alice") -> dict[str, str]:
    return {
        "X-Identity-Principal": "p_1",
        "X-Identity-Subject": subject,
        "X-Identity-Issuer": "okta",
        "X-Identity-Kind": "user",
        "X-Identity-Groups": "sales%2C north,everyone",
        "X-Identity-Invocation": handle,
    }


# ASGI

background: list[str | None] = []


async def asynchronous(_request: Request) -> JSONResponse:
    return JSONResponse({"subject": sdk.principal().subject, "groups": sorted(sdk.principal().groups or ())})


def synchronous(_request: Request) -> PlainTextResponse:
    """Starlette runs it in a thread."""
    return PlainTextResponse(str(sdk.handle()), background=BackgroundTask(lambda: background.append(sdk.handle())))


async def streamed(_request: Request) -> StreamingResponse:
    async def pieces() -> AsyncIterator[str]:
        for _ in range(3):
            await asyncio.sleep(0)
            yield f"{sdk.handle()}\n"

    return StreamingResponse(pieces())


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=[Route("/async", asynchronous), Route("/sync", synchronous), Route("/stream", streamed)])
    app.add_middleware(sdk.AsgiMiddleware)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://agent") as client:
        yield client


async def test_asgi_handlers_know_who_called(client: httpx.AsyncClient) -> None:
    answer = await client.get("/async", headers=headers())
    assert answer.json() == {"subject": "alice", "groups": ["everyone", "sales, north"]}


async def test_asgi_threads_streams_and_background_tasks_too(client: httpx.AsyncClient) -> None:
    background.clear()
    assert (await client.get("/sync", headers=headers())).text == ALICE
    assert background == [ALICE]
    assert (await client.get("/stream", headers=headers())).text == f"{ALICE}\n" * 3
    assert sdk.handle() is None


async def test_asgi_callers_at_one_time_are_each_themselves(client: httpx.AsyncClient) -> None:
    async def one(handle: str) -> str:
        return (await client.get("/stream", headers=headers(handle))).text

    assert await asyncio.gather(*map(one, HANDLES)) == [f"{handle}\n" * 3 for handle in HANDLES]


async def test_an_asgi_request_without_identity_is_nobodys_whatever_was_before(client: httpx.AsyncClient) -> None:
    with sdk.invocation(BOB):
        assert (await client.get("/sync")).text == "None"
        assert (await client.get("/sync", headers=headers() | {"X-Identity-Invocation": "ih_"})).text == "None"


async def seen_by(scope: MutableMapping[str, Any]) -> str | None:
    """What an application behind the middleware knows in *scope*."""
    seen: list[str | None] = []

    async def app(*_: Any) -> None:
        seen.append(sdk.handle())

    async def nothing(*_: Any) -> Any: ...

    await sdk.AsgiMiddleware(app)(scope, nothing, nothing)
    (handle,) = seen
    return handle


async def test_an_asgi_websocket_is_a_call_and_a_servers_life_is_none() -> None:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers().items()]
    assert await seen_by({"type": "websocket", "headers": raw}) == ALICE
    assert await seen_by({"type": "websocket", "headers": [*raw, (b"x-identity-kind", b"service")]}) is None
    assert await seen_by({"type": "lifespan"}) is None


# WSGI


class Piecewise:
    """An answer made while it is sent; what it saw of the call, at each step."""

    def __init__(self) -> None:
        self.left = 3
        self.closed_for: list[str | None] = []

    def __iter__(self) -> Iterator[bytes]:
        while self.left:
            self.left -= 1
            yield f"{sdk.handle()}\n".encode()

    def close(self) -> None:
        self.closed_for.append(sdk.handle())


made: list[Piecewise] = []


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/whole":
        return [f"{sdk.handle()} {sdk.principal().subject}".encode()]
    if environ["PATH_INFO"] == "/file":
        return FileWrapper(io.BytesIO(b"a file"))
    made.append(Piecewise())
    return made[-1]


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None: ...


@contextmanager
def serving(app: Any) -> Iterator[int]:
    with make_server("127.0.0.1", 0, app, WSGIServer, Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def get(port: int, path: str, given: dict[str, str]) -> tuple[str, str | None]:
    """The answer's body, and its Content-Length."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers=given)
        answer = connection.getresponse()
        return answer.read().decode(), answer.headers["Content-Length"]
    finally:
        connection.close()


def test_wsgi_applications_know_who_called_to_the_last_piece() -> None:
    with serving(sdk.WsgiMiddleware(wsgi)) as port:
        assert get(port, "/whole", headers()) == (f"{ALICE} alice", str(len(ALICE) + 6))
        made.clear()
        for handle in (ALICE, BOB):
            assert get(port, "/pieces", headers(handle))[0] == f"{handle}\n" * 3
        assert [piecewise.closed_for for piecewise in made] == [[ALICE], [BOB]]
        assert get(port, "/pieces", {})[0] == "None\n" * 3
        assert get(port, "/file", headers())[0] == "a file"


def test_a_wsgi_answers_pieces_are_its_own_when_a_thread_takes_from_two_by_turns() -> None:
    def environ(handle: str) -> dict[str, Any]:
        return {"PATH_INFO": "/pieces", "HTTP_X_IDENTITY_INVOCATION": handle}

    app = sdk.WsgiMiddleware(wsgi)
    answers = [iter(app(environ(handle), lambda *_: None)) for handle in (ALICE, BOB)]
    assert [next(answer) for answer in answers * 2] == [f"{handle}\n".encode() for handle in (ALICE, BOB) * 2]
    assert sdk.handle() is None


def test_what_a_wsgi_server_sends_by_itself_is_left_to_it() -> None:
    environ = {"PATH_INFO": "/file", "wsgi.file_wrapper": FileWrapper}
    answer = sdk.WsgiMiddleware(wsgi)(environ, lambda *_: None)
    assert isinstance(answer, FileWrapper)
    answer.close()
    bare = sdk.WsgiMiddleware(wsgi)({"PATH_INFO": "/file"}, lambda *_: None)
    assert b"".join(bare) == b"a file"
    bare.close()  # type: ignore[attr-defined]  # PEP 3333 leaves it to the server to find


def test_a_wsgi_answer_without_close_needs_none() -> None:
    app = sdk.WsgiMiddleware(lambda _environ, _start: iter([b"a"]))
    answer = app({}, lambda *_: None)
    assert [*answer] == [b"a"]
    answer.close()  # type: ignore[attr-defined]  # PEP 3333 leaves it to the server to find
