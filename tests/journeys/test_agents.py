"""Requests of every form that agents meet: they arrive as they were sent, and so do the answers."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.journeys.given import bearer, given
from tests.journeys.handmade import always, listening
from tests.journeys.issuer import Issuer
from tests.journeys.raw import connection, read_answer, say
from tests.running import Running, sidecar


def head(issuer: Issuer, line: str, *fields: str) -> bytes:
    """A request's head with a good token."""
    lines = [f"{line} HTTP/1.1", "Host: agent.example", f"Authorization: Bearer {issuer.token()}", *fields, "", ""]
    return "\r\n".join(lines).encode()


async def test_a_body_and_its_path_arrive_as_they_were_sent(
    served: Running, issuer: Issuer, client: aiohttp.ClientSession
) -> None:
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        answer = await say(
            served, head(issuer, f"{method} /echo/a%2Fb//c;d=1/%C3%AB?q=%20&q=2", "Content-Length: 5") + b"h\0llo"
        )
        echo = answer.json()
        assert (echo["method"], echo["path"], echo["query"]) == (method, "/echo/a%2Fb//c;d=1/%C3%AB", "q=%20&q=2")
        assert echo["body"] == "h\0llo"
        assert ["host", "agent.example"] in echo["headers"]


async def test_a_chunked_body_arrives_whole(served: Running, issuer: Issuer) -> None:
    chunks = b"5;name=value\r\nhello\r\n1\r\n,\r\n06\r\n world\r\n0\r\n\r\n"
    answer = await say(served, head(issuer, "POST /echo", "Transfer-Encoding: chunked") + chunks)
    assert answer.json()["body"] == "hello, world"


async def test_a_chunked_answer_arrives_chunked(served: Running, issuer: Issuer) -> None:
    answer = await say(served, head(issuer, "GET /events?n=3"))
    assert answer.headers["transfer-encoding"] == "chunked"
    assert answer.content == b"".join(b"id: %d\ndata: %d \n\n" % (i, i) for i in range(3))


async def test_head_has_the_length_and_no_body(served: Running, issuer: Issuer) -> None:
    """What comes next on the connection is the next answer, not a body."""
    async with connection(served) as (reader, writer):
        writer.write(head(issuer, "HEAD /page") + head(issuer, "GET /page"))
        first = await reader.readuntil(b"\r\n\r\n")
        assert first.startswith(b"HTTP/1.1 200 ")
        assert b"content-length: 5\r\n" in first.lower()
        second = await read_answer(reader)
        assert second.body == b"hello"


@pytest.mark.parametrize("status", [204, 304])
async def test_answers_without_a_body_end_at_their_head(served: Running, issuer: Issuer, status: int) -> None:
    async with connection(served) as (reader, writer):
        for _ in range(2):
            writer.write(head(issuer, f"GET /status/{status}"))
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 %d " % status)


async def test_a_caller_that_waits_for_100_gets_it_from_the_agent(served: Running, issuer: Issuer) -> None:
    async with connection(served) as (reader, writer):
        writer.write(head(issuer, "POST /sink", "Content-Length: 5", "Expect: 100-continue"))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        writer.write(b"hello")
        assert (await read_answer(reader)).json()["bytes"] == 5


async def test_a_caller_that_waits_for_100_is_refused_before_it_sends(served: Running) -> None:
    answer = await say(
        served, b"POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\nExpect: 100-continue\r\n\r\n"
    )
    assert answer.status == 401
    assert answer.headers["connection"] == "close"


async def test_an_answer_that_comes_before_the_body_reaches_the_caller(served: Running, issuer: Issuer) -> None:
    async with connection(served) as (reader, writer):
        writer.write(head(issuer, "POST /early", "Content-Length: 100000000"))
        answer = await read_answer(reader)
        assert (answer.status, answer.content) == (413, b"too much")


async def test_early_hints_go_before_the_answer(issuer: Issuer, node: str, tmp_path: Path) -> None:
    async with sidecar(given(issuer, node), tmp_path) as running, connection(running) as (reader, writer):
        writer.write(head(issuer, "GET /hints"))
        hints = await read_answer(reader)
        assert (hints.status, hints.headers["link"]) == (103, "</style.css>; rel=preload")
        assert (await read_answer(reader)).content == b"after the hints"


async def test_trailers_pass_both_ways(issuer: Issuer, node: str, tmp_path: Path) -> None:
    async with sidecar(given(issuer, node), tmp_path) as running:
        sent = head(issuer, "POST /echo", "Transfer-Encoding: chunked", "Trailer: X-Sum")
        answer = await say(running, sent + b"2\r\nhi\r\n0\r\nX-Sum: abc\r\n\r\n")
        assert answer.json()["trailers"] == [["x-sum", "abc"]]
        answer = await say(running, head(issuer, "GET /trailers", "TE: trailers"))
        assert answer.body.endswith(b"0\r\nx-checksum: abc\r\n\r\n")


async def test_a_connection_serves_many_requests_of_different_callers(
    served: Running, issuer: Issuer, client: aiohttp.ClientSession
) -> None:
    """Nothing of one request is left for the next, on either side's connection."""
    people = [f"person-{number}" for number in range(20)]
    tokens = {person: issuer.token(person, groups=[person]) for person in people}

    async def call(person: str) -> None:
        for _ in range(10):
            async with client.post(served.url + "/echo", data=person, headers=bearer(tokens[person])) as response:
                echo: dict[str, Any] = await response.json()
            headers = dict(echo["headers"])
            assert echo["body"] == headers["x-identity-subject"] == headers["x-identity-groups"] == person

    async with asyncio.TaskGroup() as group:
        for person in people:
            group.create_task(call(person))


async def test_pipelined_requests_are_answered_in_order(served: Running, issuer: Issuer) -> None:
    async with connection(served, within=30) as (reader, writer):
        sent = [head(issuer, "POST /echo", "Content-Length: 4") + b"%04d" % number for number in range(300)]
        writer.write(b"".join(sent))
        for number in range(300):
            assert (await read_answer(reader)).json()["body"] == f"{number:04}"


async def test_pipelined_requests_without_a_token_are_each_refused(served: Running) -> None:
    async with connection(served, within=30) as (reader, writer):
        writer.write(b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n" * 5000)
        for _ in range(5000):
            assert (await read_answer(reader)).headers["sidecar-error"] == "token_missing"


async def test_a_caller_of_http_1_0_gets_what_it_can_read(served: Running, issuer: Issuer) -> None:
    """No chunks, no 1xx, and the end of the connection as the end of the answer."""
    request = head(issuer, "GET /events?n=3").replace(b"HTTP/1.1", b"HTTP/1.0")
    async with connection(served) as (reader, writer):
        writer.write(request)
        text = await reader.read()
    first, _, body = text.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in first.lower()
    assert body == b"".join(b"id: %d\ndata: %d \n\n" % (i, i) for i in range(3))


async def test_a_kept_connection_of_http_1_0_serves_again_where_it_can(served: Running, issuer: Issuer) -> None:
    request = head(issuer, "GET /page", "Connection: keep-alive").replace(b"HTTP/1.1", b"HTTP/1.0")
    async with connection(served) as (reader, writer):
        for _ in range(2):
            writer.write(request)
            answer = await read_answer(reader)
            assert (answer.body, answer.headers["connection"]) == (b"hello", "keep-alive")


async def test_a_websocket_that_the_agent_declines_is_an_answer_like_any_other(issuer: Issuer, tmp_path: Path) -> None:
    asked = (
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: " + "A" * 22 + "==",
    )
    declined = always(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", keep=True)
    async with (
        listening(declined) as url,
        sidecar(given(issuer, url), tmp_path) as running,
        connection(running) as (reader, writer),
    ):
        for _ in range(2):
            writer.write(head(issuer, "GET /ws", *asked))
            answer = await read_answer(reader)
            assert (answer.status, answer.body) == (403, b"no")


async def test_a_long_path_arrives_whole(served: Running, issuer: Issuer) -> None:
    path = "/echo/" + "%41/b-" * 2000
    echo = (await say(served, head(issuer, f"GET {path}"))).json()
    assert echo["path"] == path


async def test_an_agent_on_a_unix_socket_and_callers_on_another(issuer: Issuer, short: Path, tmp_path: Path) -> None:
    """Both sides of the sidecar without a port."""
    agent, front = short / "agent.sock", short / "front.sock"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(request), request))

    more: dict[str, Any] = {"inbound": {"listen": f"unix:{front}"}}
    async with (
        listening(answer, agent) as url,
        sidecar(given(issuer, url, **more), tmp_path),
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(front))) as client,
        client.get("http://agent.example/echo", headers=bearer(issuer.token())) as response,
    ):
        assert response.status == 200
        text = await response.text()
    assert "X-Identity-Subject: alice\r\n" in text
    assert "X-Forwarded-For" not in text
