"""The sidecar's own calls, against servers that behave and servers that don't."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
import trustme
from aiohttp import web

from sidecar.relay.fetch import fetcher, resolved, trust
from sidecar.wire.http import Fetch, Request, Response, Unreachable

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\n"


def plain(**pinned: str) -> Fetch:
    def never() -> ssl.SSLContext:
        raise AssertionError("no TLS was asked for")

    return fetcher(tls=never, resolve=pinned)


@asynccontextmanager
async def server(serve: Serve, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port of a raw server."""
    handling: set[asyncio.Future[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            try:
                await serve(reader, writer)
            finally:
                writer.transport.abort()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handling.add(asyncio.ensure_future(handle(reader, writer)))

    listening = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for task in handling:
            task.cancel()
        await asyncio.gather(*handling, return_exceptions=True)


def saying(data: bytes, *, hold: bool = False) -> Serve:
    """Read a head, say *data*, and close, or *hold* the connection open."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(data)
        await writer.drain()
        if hold:
            await asyncio.sleep(60)
        writer.close()
        await writer.wait_closed()

    return serve


async def get(data: bytes, *, hold: bool = False, **more: object) -> Response:
    async with server(saying(data, hold=hold)) as port:
        return await plain()(Request(f"http://127.0.0.1:{port}/", **{"seconds": 2.0, **more}))  # type: ignore[arg-type]  # by name


# what is asked


async def test_a_request_is_said_as_it_was_given() -> None:
    said: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        said.append(head + (await reader.readexactly(5) if b"Content-Length: 5" in head else b""))
        writer.write(OK + b"Content-Length: 2\r\n\r\nhi")
        await writer.drain()

    async with server(serve) as port:
        fetch = plain()
        await fetch(Request(f"http://127.0.0.1:{port}/a/b?c=d&e", headers={"X-One": "1"}))
        await fetch(Request(f"http://user:pass@127.0.0.1:{port}", "POST", {"Content-Type": "text/plain"}, b"hello"))
        await fetch(Request(f"http://127.0.0.1:{port}/#fragment"))
    assert said[0].startswith(b"GET /a/b?c=d&e HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" % port)
    assert b"\r\nX-One: 1\r\n" in said[0]
    assert b"\r\nConnection: close\r\n" in said[0]
    assert said[1].startswith(b"POST / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" % port)
    assert b"pass" not in said[1]
    assert said[1].endswith(b"Content-Length: 5\r\n\r\nhello")
    assert said[2].startswith(b"GET / HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "headers", [{"X": "a\r\nY: b"}, {"X\r\nY": "a"}, {"X": "a\nb"}, {"X": "a\rb"}, {"X": "ä"}, {"X": "a\x00b"}]
)
async def test_a_header_that_would_be_two_is_never_said(headers: dict[str, str]) -> None:
    async with server(saying(OK + b"\r\n")) as port:
        with pytest.raises(Unreachable, match="character that HTTP can't carry"):
            await plain()(Request(f"http://127.0.0.1:{port}/", headers=headers))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:port/",
        "http://[::1/",
        "http://[nonsense]/",
        "http:///path",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "no url",
        "",
        "http://" + "a" * 64 + ".example/",
        "http://a..example/",
        "http://ex\u00e4mple\u2100.example/",
        "http://127.0.0.1:1/a b",
        "http://127.0.0.1:1/\u00e4",
        "http://127.0.0.1:1/a\x00",
        "http://127.0.0.1:1/a HTTP/1.1\nX: y",
    ],
)
async def test_an_address_that_leads_nowhere_is_unreachable_and_nothing_worse(url: str) -> None:
    with pytest.raises(Unreachable):
        await plain()(Request(url, seconds=2.0))


# what is answered


@pytest.mark.parametrize(
    ("data", "status", "body"),
    [
        (OK + b"Content-Length: 5\r\n\r\nhello", 200, b"hello"),
        (OK + b"Content-Length: 0\r\n\r\n", 200, b""),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", 200, b"hello"),
        (OK + b"\r\nhello", 200, b"hello"),
        (b"HTTP/1.0 404 Not Found\r\n\r\ngone", 404, b"gone"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", 304, b""),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nhi", 200, b"hi"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 3 + OK + b"Content-Length: 2\r\n\r\nhi", 200, b"hi"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://other/\r\nContent-Length: 0\r\n\r\n", 302, b""),
        (OK + b"Content-Length: 5\r\n\r\nhello, and more", 200, b"hello"),
    ],
)
async def test_an_answer_is_read_however_it_is_framed(data: bytes, status: int, body: bytes) -> None:
    response = await get(data)
    assert (response.status, response.body) == (status, body)


async def test_an_answer_that_is_whole_is_not_waited_on() -> None:
    began = asyncio.get_running_loop().time()
    response = await get(OK + b"Content-Length: 5\r\n\r\nhello", hold=True)
    assert response.body == b"hello"
    assert asyncio.get_running_loop().time() - began < 3


async def test_headers_are_known_by_lower_case_names_and_those_that_come_twice_are_joined() -> None:
    response = await get(OK + b"Cache-Control: no-store\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 0\r\n\r\n")
    assert response.headers == {"cache-control": "no-store", "x-a": "1, 2", "content-length": "0"}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 200 OK\r\nContent-Type: a",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        OK + b"Content-Length: 5\r\n\r\nhell",
        OK + b"Content-Length: 5, 5\r\n\r\nhello",
        OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nx\r\nhello\r\n0\r\n\r\n",
        OK + b"X: y\r\n folded\r\n\r\n",
        OK + b"X : y\r\n\r\n",
        OK + b"X: \x00\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
)
async def test_what_is_no_whole_answer_is_unreachable(data: bytes) -> None:
    with pytest.raises(Unreachable):
        await get(data)


# bounds


async def test_a_body_is_read_up_to_what_is_allowed() -> None:
    assert len((await get(OK + b"Content-Length: 1000\r\n\r\n" + b"x" * 1000, most=1000)).body) == 1000
    for framing in (b"Content-Length: 1001\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n3e9\r\n", b"\r\n"):
        with pytest.raises(Unreachable, match="larger than 1000 bytes"):
            await get(OK + framing + b"x" * 1001, most=1000, hold=True)


async def test_a_head_is_bounded_too() -> None:
    with pytest.raises(Unreachable, match="too many headers"):
        await get(OK + b"".join(b"X-%d: y\r\n" % number for number in range(300)) + b"\r\n", hold=True)

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"X: ")
        while True:
            writer.write(b"y" * 65536)
            await writer.drain()

    async with server(endless) as port:
        with pytest.raises(Unreachable, match="larger than"):
            await plain()(Request(f"http://127.0.0.1:{port}/", seconds=10.0))

    async def hints(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000)
            await writer.drain()

    async with server(hints) as port:
        with pytest.raises(Unreachable, match="larger than"):
            await plain()(Request(f"http://127.0.0.1:{port}/", seconds=10.0))


@pytest.mark.parametrize("said", [b"", OK, OK + b"Content-Length: 5\r\n\r\nhe"])
async def test_a_server_that_does_not_finish_is_given_up_in_time(said: bytes) -> None:
    began = asyncio.get_running_loop().time()
    with pytest.raises(Unreachable, match=r"no answer within 0\.2 s"):
        await get(said, hold=True, seconds=0.2)
    assert asyncio.get_running_loop().time() - began < 3


async def test_a_server_that_drips_is_given_up_in_time() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in OK * 100:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.05)

    async with server(drip) as port:
        with pytest.raises(Unreachable, match="no answer within"):
            await plain()(Request(f"http://127.0.0.1:{port}/", seconds=0.3))


async def test_nobody_there_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(Unreachable, match="ConnectionRefused"):
            await plain()(Request(f"http://127.0.0.1:{taken.getsockname()[1]}/"))


async def test_no_secret_is_in_what_is_said_of_a_failure() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://user:s3cret@127.0.0.1:{taken.getsockname()[1]}/?token=s3cret"
        with pytest.raises(Unreachable) as caught:
            await plain()(Request(url, headers={"Authorization": "Bearer s3cret"}, body=b"s3cret"))
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in repr(Request(url, body=b"s3cret")).replace(url, "")


# TLS


AUTHORITY = trustme.CA()


def certificate(*names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(*names).configure_cert(context)
    return context


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


HELLO = saying(OK + b"Content-Length: 5\r\n\r\nhello")


async def test_a_pinned_host_is_verified_by_its_own_name() -> None:
    async with server(HELLO, tls=certificate("idp.example")) as port:
        fetch = fetcher(tls=trusting, resolve={"idp.example": f"127.0.0.1:{port}"})
        assert (await fetch(Request("https://idp.example/keys"))).body == b"hello"


async def test_a_certificate_of_another_name_is_refused() -> None:
    async with server(HELLO, tls=certificate("other.example")) as port:
        fetch = fetcher(tls=trusting, resolve={"idp.example": f"127.0.0.1:{port}"})
        with pytest.raises(Unreachable, match=r"the certificate of idp\.example does not verify: .*idp\.example"):
            await fetch(Request("https://idp.example/keys"))


async def test_a_certificate_of_an_unknown_authority_is_refused() -> None:
    async with server(HELLO, tls=certificate("idp.example")) as port:
        fetch = fetcher(tls=lambda: trust(None), resolve={"idp.example": f"127.0.0.1:{port}"})
        with pytest.raises(Unreachable, match="does not verify"):
            await fetch(Request("https://idp.example/keys"))


async def test_an_address_is_verified_as_an_address() -> None:
    async with server(HELLO, tls=certificate("127.0.0.1")) as port:
        assert (await fetcher(tls=trusting, resolve={})(Request(f"https://127.0.0.1:{port}/"))).body == b"hello"


async def test_a_server_without_tls_is_unreachable_by_https() -> None:
    async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"\r\n")
        await writer.drain()
        await reader.read(1000)

    async with server(garbage) as port:
        with pytest.raises(Unreachable):
            await fetcher(tls=trusting, resolve={})(Request(f"https://127.0.0.1:{port}/", seconds=2.0))


async def test_the_context_is_made_once_and_at_the_first_use(tmp_path: object) -> None:
    made: list[int] = []

    def tls() -> ssl.SSLContext:
        made.append(1)
        return trusting()

    async with server(HELLO, tls=certificate("127.0.0.1")) as port:
        fetch = fetcher(tls=tls, resolve={})
        assert not made
        for _ in range(3):
            await fetch(Request(f"https://127.0.0.1:{port}/"))
    assert made == [1]


async def test_a_companys_own_authority_is_trusted_beside_the_systems(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    AUTHORITY.cert_pem.write_to_path(str(file))
    context = trust(str(file))
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert len(context.get_ca_certs()) > len(trust(None).get_ca_certs())
    async with server(HELLO, tls=certificate("127.0.0.1")) as port:
        assert (await fetcher(tls=lambda: context, resolve={})(Request(f"https://127.0.0.1:{port}/"))).status == 200


async def test_a_ca_file_that_can_not_be_read_is_a_failed_fetch_and_no_crash() -> None:
    with pytest.raises(Unreachable):
        await fetcher(tls=lambda: trust("/nowhere.pem"), resolve={})(Request("https://127.0.0.1:1/"))


# pins


@pytest.mark.parametrize(
    ("pins", "expected"),
    [
        ({}, ("idp.example", 443)),
        ({"idp.example": "10.0.0.1"}, ("10.0.0.1", 443)),
        ({"idp.example": "10.0.0.1:8443"}, ("10.0.0.1", 8443)),
        ({"idp.example:443": "10.0.0.2", "idp.example": "10.0.0.1"}, ("10.0.0.2", 443)),
        ({"idp.example:8443": "10.0.0.2"}, ("idp.example", 443)),
        ({"idp.example": "::1"}, ("::1", 443)),
        ({"idp.example": "[::1]"}, ("::1", 443)),
        ({"idp.example": "[::1]:8443"}, ("::1", 8443)),
        ({"other.example": "10.0.0.1"}, ("idp.example", 443)),
    ],
)
def test_where_a_host_is_found(pins: dict[str, str], expected: tuple[str, int]) -> None:
    assert resolved(pins, "idp.example", 443) == expected


# a server that somebody else wrote


async def test_a_server_of_aiohttp() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"body": (await request.read()).decode(), "accept": request.headers["Accept"]})

    app = web.Application()
    app.router.add_post("/token", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/token"
        response = await plain()(Request(url, "POST", {"Content-Type": "application/x-www-form-urlencoded"}, b"a=b"))
        assert response.body == b'{"body": "a=b", "accept": "application/json"}'
        assert response.headers["content-type"].startswith("application/json")
    finally:
        await runner.cleanup()
