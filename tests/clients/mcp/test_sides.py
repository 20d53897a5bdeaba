"""Several principals side by side: on one connection, with one session's id, at a time, and a crowd of them."""

import os
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.clients.mcp.desk import PLAIN, TOOLS
from tests.clients.mcp.raw import LEGACY, MODERN, Heard, Line, call, request
from tests.clients.mcp.stage import DESKS, Stage

ALICES = ["book_trip", "list_trips", "list_hotels", "find_trips", "count"]
AGENTS = "look_up"
"""At one desk it is the agent's own, whoever it works for."""
SESSIONS = ("native", "fast")
"""Desks that keep sessions in the older era."""
TIMES = 20
CROWD = 1000 if os.environ.get("LONG") == "1" else 20
DENIED = -32602


def lists(line: Line, handle: str, session: str | None = None) -> list[str]:
    """Every page."""
    found, cursor = list[str](), None
    while cursor is not None or not found:
        heard = line.post(
            handle, request("tools/list", line.version, **({"cursor": cursor} if cursor else {})), session
        )
        found += heard.tools()
        cursor = heard.message()["result"].get("nextCursor")
        if cursor is None:
            break
    return found


def denied(heard: Heard) -> bool:
    return bool(heard.message().get("error", {}).get("code") == DENIED)


@pytest.fixture(params=[MODERN, LEGACY])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=DESKS)
def line(mcp: Stage, request: pytest.FixtureRequest, version: str) -> Iterator[Line]:
    opened = Line(mcp, request.param, version)
    yield opened
    opened.close()


def test_two_on_one_connection_see_what_is_each_ones(mcp: Stage, line: Line) -> None:
    alice, bob = mcp.handle("alice"), mcp.handle("bob")
    sessions = {handle: line.begin(handle) for handle in (alice, bob)}
    for _ in range(3):
        assert [tool for tool in lists(line, alice, sessions[alice]) if tool != AGENTS] == ALICES
        assert lists(line, bob, sessions[bob])[: len(TOOLS)] == [*TOOLS]
        assert denied(line.post(alice, call("pay", {"amount": 1}, line.version), sessions[alice]))
        assert '"paid' in line.post(bob, call("pay", {"amount": 1}, line.version), sessions[bob]).body.decode().replace(
            "\\", ""
        )


def test_two_at_a_time_see_what_is_each_ones(mcp: Stage, version: str) -> None:
    def all_lists(handle: str) -> list[list[str]]:
        line = Line(mcp, "fast", version)
        session = line.begin(handle)
        found = [lists(line, handle, session) for _ in range(TIMES)]
        line.close()
        return found

    with ThreadPoolExecutor(4) as pool:
        alices, bobs, alices_too, bobs_too = pool.map(all_lists, [mcp.handle(who) for who in ("alice", "bob") * 2])
    assert alices == alices_too == [ALICES] * TIMES
    assert bobs == bobs_too == [[*TOOLS]] * TIMES


@pytest.fixture(params=SESSIONS)
def desk(mcp: Stage, request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_stolen_session_is_worth_nothing(mcp: Stage, desk: str) -> None:
    line = Line(mcp, desk, LEGACY)
    alice, bob, dave = (mcp.handle(subject) for subject in ("alice", "bob", "dave"))
    session = line.begin(alice)
    assert session is not None
    for thief in (bob, dave, mcp.token):
        for message in (request("tools/list", LEGACY), call("pay", {"amount": 3}, LEGACY), request("ping", LEGACY)):
            heard = line.post(thief, message, session)
            assert (heard.status, "result" in heard.message()) == (404, False), heard
        for method in ("GET", "DELETE"):
            assert line.say(method, b"", line.fields(thief, session)).status == 404
    assert lists(line, alice, session) == ALICES
    line.close()


def test_a_session_is_its_users_whichever_call_it_is(mcp: Stage, desk: str) -> None:
    """A handle is of one call of the agent; the session is the user's who made it."""
    line = Line(mcp, desk, LEGACY)
    session = line.begin(mcp.handle("alice"))
    assert lists(line, mcp.handle("alice"), session) == ALICES
    line.close()


def test_a_session_is_one_desks(mcp: Stage) -> None:
    native, fast, alice = Line(mcp, "native", LEGACY), Line(mcp, "fast", LEGACY), mcp.handle("alice")
    session = native.begin(alice)
    heard = fast.post(alice, request("tools/list", LEGACY), session)
    assert (heard.status, "result" in heard.message()) == (404, False)
    for line in (native, fast):
        line.close()


def groups(chance: random.Random) -> Sequence[str]:
    return [f"may-{tool}" for tool in TOOLS if chance.random() < 0.5]


def test_what_is_listed_is_exactly_what_can_be_called(mcp: Stage) -> None:
    """By whoever has whichever groups; ``stage.CROWD`` has a group for each tool."""
    chance = random.Random(2026)
    line = Line(mcp, "fast", MODERN)
    for number in range(CROWD):
        theirs = groups(chance)
        handle = mcp.handle(f"visitor-{number}", groups=theirs)
        expected = [tool for tool in TOOLS if f"may-{tool}" in theirs]
        if not expected:
            assert line.post(handle, request("tools/list")).code == "not_permitted"
            continue
        assert lists(line, handle) == expected
        called = [tool for tool in PLAIN if not denied(line.post(handle, call(tool)))]
        assert called == [tool for tool in PLAIN if tool in expected]
    line.close()
