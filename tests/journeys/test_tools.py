"""Tools that no MCP route holds back: what the agent is told of its caller, and what the SDK makes of it."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import aiohttp
import pytest

from sidecar import sdk
from tests.journeys.given import bearer, given
from tests.journeys.issuer import Issuer
from tests.running import Event, Running, serving

TOKEN, KEY = "the-real-token", "the-real-key"
CONSENT = "https://accounts.example.com"
TRAVEL = {"url": "http://127.0.0.1:9/mcp", "mcp": True, "private": True}
SALES = {"groups": ["sales"]}
TOOLS = [{"name": name, "input_schema": {"type": "object"}} for name in ("book", "list_events", "read_mail", "write")]


@pytest.fixture(scope="module")
def running(issuer: Issuer, fastapi: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    people = {"client_id": "example", "client_secret": "a secret", "hand_out": True}
    configuration = given(
        issuer,
        fastapi,
        providers={
            "static": {"type": "bearer", "token": TOKEN, "hand_out": True},
            "model": {"type": "api_key", "key": KEY, "hand_out": True},
            "calendar": {"type": "google", **people},
        },
        egress={"routes": {"travel": TRAVEL}},
        tools={"desk": ["open_door", "close_door"]},
        capabilities={
            "door": {"who": "any", "tools": ["desk/open_door"]},
            "look": {"who": SALES, "tools": ["list_events", "read_*"]},
            "book": {"who": SALES, "tools": ["travel/book"], "arguments": {"room": ["red", "blue"]}},
            "static": {"who": SALES, "provider": "static"},
            "model": {"who": "agent", "provider": "model"},
            "calendar": {"who": SALES, "provider": "calendar", "scopes": ["calendar.readonly"]},
        },
        consent={"public_url": CONSENT, "listen": "127.0.0.1:0", "return_urls": ["https://app.example.com/back"]},
        invocation={"linger": "10m"},
        audit={"subjects": "plain"},
    )
    with serving(configuration, tmp_path_factory.mktemp("tools")) as running:
        yield running


@pytest.fixture
async def said(running: Running, issuer: Issuer, client: aiohttp.ClientSession) -> Mapping[str, Mapping[str, str]]:
    """What the agent got with a call of each user."""
    found = {}
    for user, groups in (("alice", ["sales"]), ("bob", ["eng"])):
        token = issuer.token(user, groups=groups)
        async with client.get(f"{running.url}/echo", headers=bearer(token)) as answer:
            found[user] = {name.lower(): value for name, value in (await answer.json())["headers"]}
    return found


@pytest.fixture
async def api(running: Running) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(running.listener("egress")) as session:
        yield session


@pytest.fixture(autouse=True)
def environment(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDECAR_URL", running.listener("egress"))
    monkeypatch.setenv("SIDECAR_CONSENT_URL", CONSENT)


def tool_events(running: Running, trace: str) -> list[Event]:
    return [event for event in running.events() if event["trace_id"] == trace and ".tool" in event["name"]]


async def test_the_agent_reads_which_declared_tools_its_caller_may_see(
    said: Mapping[str, Mapping[str, str]], api: aiohttp.ClientSession
) -> None:
    assert said["alice"]["x-identity-tools"] == "desk/open_door,travel/book,travel/list_events"
    assert said["bob"]["x-identity-tools"] == "desk/open_door"
    for user in ("alice", "bob"):
        tools = said[user]["x-identity-tools"].split(",")
        async with api.get("/v1/tools", headers=bearer(said[user]["x-identity-invocation"])) as answer:
            assert await answer.json() == {"tools": tools}


async def test_a_model_is_shown_what_its_caller_may_call(
    running: Running, said: Mapping[str, Mapping[str, str]]
) -> None:
    async def shown(user: str) -> list[str]:
        with sdk.invocation(said[user]):
            tools = await sdk.tools_for_async(TOOLS, route="travel")
            assert tools == await asyncio.to_thread(sdk.tools_for, TOOLS)  # bare: there is one MCP route
            return [str(tool["name"]) for tool in tools]

    alice, bob = await asyncio.gather(shown("alice"), shown("bob"))
    assert (alice, bob) == (["book", "list_events", "read_mail"], [])
    trace = said["bob"]["traceparent"].split("-")[1]
    await running.event(lambda event: event["trace_id"] == trace and event["name"] == "identity.tools_listed")
    for event in tool_events(running, trace):
        assert event["attributes"]["identity.principal.subject"] == "bob"
        assert (event["attributes"]["identity.tools.shown"], event["attributes"]["identity.tools.hidden"]) == (0, 4)


async def test_what_was_not_shown_is_not_called(running: Running, said: Mapping[str, Mapping[str, str]]) -> None:
    booked = []

    @sdk.require_tool("travel/book")
    async def book(room: str) -> None:
        booked.append(room)

    with sdk.invocation(said["alice"]):
        await book("red")
        with pytest.raises(sdk.Refused) as refused:
            await book(room="green")
    with sdk.invocation(said["bob"]), pytest.raises(sdk.Refused, match="tool_denied"):
        await book("red")
    assert (booked, refused.value.status, refused.value.code) == (["red"], 403, "tool_denied")
    trace = said["alice"]["traceparent"].split("-")[1]
    await running.event(lambda event: event["trace_id"] == trace and event["name"] == "identity.tool_denied")
    called, denied = tool_events(running, trace)
    assert (called["name"], called["attributes"]["identity.tool"]) == ("identity.tool_called", "travel/book")
    assert denied["attributes"]["identity.reason"] == "book: arguments.room: none of blue, red"


async def test_a_function_is_given_its_callers_token_and_the_agents_key(
    running: Running, said: Mapping[str, Mapping[str, str]]
) -> None:
    @sdk.with_api_key("model", into="key")
    @sdk.with_access_token("static")
    async def both(*, access_token: str, key: str) -> tuple[str, str]:
        return access_token, key

    with sdk.invocation(said["alice"]):
        assert await both() == (TOKEN, KEY)
    with sdk.invocation(said["bob"]), pytest.raises(sdk.Refused, match="not_permitted"):
        await both()
    assert TOKEN not in str(running.events()) + running.stderr + running.stdout


async def test_where_the_user_has_to_agree_is_said_and_is_the_sidecars_own(
    said: Mapping[str, Mapping[str, str]], api: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    @sdk.with_access_token("calendar", scopes=["calendar.readonly"])
    async def agenda(access_token: str) -> Any:
        raise AssertionError("there is no token yet")

    with sdk.invocation(said["alice"]):
        with pytest.raises(sdk.ConsentRequired) as required:
            await agenda()
        assert required.value.url == f"{CONSENT}/connect/{required.value.session}"
        monkeypatch.setenv("SIDECAR_CONSENT_URL", "https://other.example.com")
        with pytest.raises(sdk.Unreachable, match="isn't the sidecar's own"):
            await agenda()
    handle = bearer(said["alice"]["x-identity-invocation"])
    async with api.get(f"/v1/consents/{required.value.session}", headers=handle) as answer:
        assert await answer.json() == {"status": "pending"}
