"""The demo's agent, called as the sidecar calls it."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from sidecar.demo.agent import EVENTS, application
from sidecar.demo.server import serving

ALICE = {"X-Identity-Subject": "alice", "X-Identity-Principal": "p_1", "X-Identity-Invocation": "ih_0123456789"}


@pytest.fixture
async def agent() -> AsyncIterator[aiohttp.ClientSession]:
    async with serving(application(lambda: "http://127.0.0.1:1")) as url, aiohttp.ClientSession(url) as client:
        yield client


async def test_it_greets_who_the_headers_name(agent: aiohttp.ClientSession) -> None:
    async with agent.get("/", headers=ALICE) as answer:
        assert await answer.text() == "hello, alice\n"
    async with agent.get("/", headers={"X-Identity-Subject": "Bob%20N%C3%BA%C3%B1ez"}) as answer:
        assert await answer.text() == "hello, Bob Núñez\n"
    async with agent.get("/") as answer:
        assert await answer.text() == "hello, whoever you are\n"


async def test_it_shows_the_identity_that_arrived_and_no_credential(agent: aiohttp.ClientSession) -> None:
    async with agent.get("/whoami", headers=ALICE | {"Authorization": "Bearer secret", "X-Other": "1"}) as answer:
        text = await answer.text()
        shown = (await answer.json())["headers"]
    assert shown["X-Identity-Principal"] == "p_1"
    assert "Authorization" in shown
    assert "X-Other" not in shown
    assert "0123456789" not in text
    assert "secret" not in text


async def test_it_streams_events(agent: aiohttp.ClientSession) -> None:
    async with agent.get("/stream", headers=ALICE) as answer:
        assert answer.content_type == "text/event-stream"
        events = (await answer.text()).split("\n\n")[:-1]
    assert events == [f"data: {number} of {EVENTS} for alice" for number in range(1, EVENTS + 1)]


async def test_it_looks_things_up_by_the_handle_alone() -> None:
    heads: list[Mapping[str, str]] = []

    async def sidecar(request: web.Request) -> web.Response:
        heads.append(request.headers)
        if request.path.startswith("/to/"):
            return web.json_response({"found": request.path})
        return web.json_response({}, status=403, headers={"Sidecar-Error": "destination_denied"})

    behind = web.Application()
    behind.router.add_route("*", "/{path:.*}", sidecar)
    async with (
        serving(behind) as url,
        serving(application(lambda: url)) as asked,
        aiohttp.ClientSession(asked) as client,
    ):
        async with client.get("/look-up/calendar/events", headers=ALICE | {"Authorization": "Bearer x"}) as answer:
            assert await answer.json() == {"status": 200, "code": None, "answer": '{"found": "/to/calendar/events"}'}
        async with client.get("/elsewhere", headers=ALICE) as answer:
            assert await answer.json() == {"status": 403, "code": "destination_denied", "answer": "{}"}
    assert [head["X-Identity-Invocation"] for head in heads] == ["ih_0123456789"] * 2
    assert not any("Authorization" in head for head in heads)


async def test_it_speaks_to_the_travel_desk_for_its_caller() -> None:
    heard: list[tuple[Mapping[str, str], Any]] = []

    async def sidecar(request: web.Request) -> web.Response:
        heard.append((request.headers, await request.json()))
        return web.json_response({"jsonrpc": "2.0", "id": 1, "result": {}})

    behind = web.Application()
    behind.add_routes([web.post("/to/travel", sidecar)])
    async with (
        serving(behind) as url,
        serving(application(lambda: url)) as asked,
        aiohttp.ClientSession(asked) as client,
    ):
        async with client.get("/tools", headers=ALICE) as answer:
            assert (await answer.json())["status"] == 200
        async with client.get("/tools/book_trip?to=Oxford", headers=ALICE) as answer:
            assert (await answer.json())["status"] == 200
    (listing, list_), (calling, call) = heard
    assert (listing["Mcp-Method"], list_["method"]) == ("tools/list", "tools/list")
    assert (calling["Mcp-Name"], call["params"]["name"], call["params"]["arguments"]) == (
        "book_trip",
        "book_trip",
        {"to": "Oxford"},
    )
    assert {head["X-Identity-Invocation"] for head, _ in heard} == {"ih_0123456789"}
    assert not any("ih_" in str(message) for _, message in heard)
