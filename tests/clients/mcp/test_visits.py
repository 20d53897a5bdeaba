"""MCP clients that nobody changed visit servers that nobody changed: each caller sees what is theirs, in both eras."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest

from tests.clients.mcp.desk import COUNT, PAUSE, TOOLS, TRIPS
from tests.clients.mcp.stage import DESKS, Stage, visitors

VISITORS = ("mcp", "fastmcp", "typescript")
MODES = {"auto": "2026-07-28", "legacy": "2025-11-25"}
"""How a client is told which era it shall speak, and the version that comes of it."""
CALLS = (
    ["find_trips", {"city": "Rome"}],
    ["book_trip", {}],
    ["Book_trip", {}],
    ["book_trip_now", {}],
    ["pay", {"amount": 3}],
    ["pay", {"amount": 4}],
    ["look_up", {}],
    ["nothing_at_all", {}],
)
REFUSED = "refused -32602"
"""What a call comes to that isn't allowed: the protocol's own words for a tool that there isn't."""
BY_PROXY = "by proxy"
"""Where a desk has a name in the world and is asked for by it, through the proxy of the variables."""


class Visit(NamedTuple):
    visitor: str
    subject: str
    """``agent``: the agent itself."""
    desk: str
    mode: str


VISITS = [
    *((subject, desk, mode) for subject in ("alice", "bob") for desk in DESKS for mode in MODES),
    *(("alice", BY_PROXY, mode) for mode in MODES),
    *((subject, "native", mode) for subject in ("carol", "dave") for mode in MODES),
    *((subject, "typescript", mode) for subject in ("carol", "agent") for mode in MODES),
]


@pytest.fixture(scope="module")
def told(mcp: Stage) -> Mapping[Visit, Mapping[str, Any]]:
    """What every visit came to: all of a client's are made at a time, in one process."""
    handles = {subject: mcp.handle(subject) for subject in ("alice", "bob", "carol", "dave")} | {"agent": mcp.token}

    def plan(subject: str, desk: str, mode: str) -> dict[str, Any]:
        if desk == BY_PROXY:
            url, headers = mcp.https, {"Authorization": f"Bearer {handles[subject]}"}
        else:
            url, headers = mcp.base(desk), {"X-Identity-Invocation": handles[subject]}
        return {"url": url, "headers": headers, "mode": mode, "calls": CALLS}

    plans = [plan(*each) for each in VISITS]
    with ThreadPoolExecutor(len(VISITORS)) as pool:
        came = pool.map(lambda name: visitors()[name].visit(plans, mcp.variables), VISITORS)
        return {
            Visit(visitor, *each): found
            for visitor, all_found in zip(VISITORS, came, strict=True)
            for each, found in zip(VISITS, all_found, strict=True)
        }


def everywhere(*desks: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("visitor", "desk", "mode"),
        [(visitor, desk, mode) for visitor in VISITORS for desk in desks for mode in MODES],
    )


clients = pytest.mark.parametrize(("visitor", "mode"), [(visitor, mode) for visitor in VISITORS for mode in MODES])


def listed(came: Mapping[str, Any], what: str = "tools") -> list[str]:
    """Of all pages."""
    assert "failed" not in came, came
    return [name for page in came[what] for name in page]


@everywhere(*DESKS)
def test_whoever_has_the_route_has_all_of_it(
    told: Mapping[Visit, Mapping[str, Any]], visitor: str, desk: str, mode: str
) -> None:
    came = told[Visit(visitor, "bob", desk, mode)]
    tools = listed(came)
    assert tools[: len(TOOLS)] == [*TOOLS]
    assert came["version"] == MODES[mode]
    assert (listed(came, "prompts"), came["prompt"]) == (["welcome"], "welcome!")
    assert listed(came, "resources") == ["trip://all"]
    assert listed(came, "resource_templates") == ["trip://{city}"]
    assert came["read"] == [TRIPS, "a trip to Oxford"]
    assert came["calls"][:4] == ["trips to Rome", "this is book_trip", "this is Book_trip", "this is book_trip_now"]
    assert [REFUSED in call or "nothing_at_all" in call for call in came["calls"]] == [False] * 7 + [True]


@everywhere(*DESKS, BY_PROXY)
def test_whoever_has_tools_sees_and_calls_these_and_nothing_else(
    told: Mapping[Visit, Mapping[str, Any]], visitor: str, desk: str, mode: str
) -> None:
    came = told[Visit(visitor, "alice", desk, mode)]
    agents = ["look_up"] if desk == "typescript" else []
    assert listed(came) == ["book_trip", "list_trips", "list_hotels", *agents, "find_trips", "count"]
    assert came["version"] == MODES[mode]
    assert [listed(came, what) for what in ("prompts", "resources", "resource_templates")] == [[], [], []]
    expected = ["trips to Rome", "this is book_trip", *[REFUSED] * 4, *[f"this is {tool}" for tool in agents]]
    assert came["calls"] == [*expected, *[REFUSED] * (len(CALLS) - len(expected))]
    assert came["prompt"].startswith("refused ")
    assert [each.partition(" ")[0] for each in came["read"]] == ["refused", "refused"]


@everywhere(*DESKS, BY_PROXY)
def test_word_of_progress_isnt_held_back(
    told: Mapping[Visit, Mapping[str, Any]], visitor: str, desk: str, mode: str
) -> None:
    said, notes = told[Visit(visitor, "alice", desk, mode)]["count"]
    assert (said, len(notes)) == ("counted", COUNT)
    assert sorted(notes) == notes
    assert notes[-1] - notes[0] > PAUSE * (COUNT - 1) / 5


@clients
def test_whoever_has_nothing_isnt_let_in(told: Mapping[Visit, Mapping[str, Any]], visitor: str, mode: str) -> None:
    assert "failed" in told[Visit(visitor, "carol", "native", mode)]


@clients
def test_arguments_narrow_what_is_called_and_not_what_is_seen(
    told: Mapping[Visit, Mapping[str, Any]], visitor: str, mode: str
) -> None:
    came = told[Visit(visitor, "dave", "native", mode)]
    assert listed(came) == ["pay"]
    called = dict(zip([str(call) for call in CALLS], came["calls"], strict=True))
    assert '"paid"' in called[str(CALLS[4])]
    assert {said for call, said in called.items() if call != str(CALLS[4])} == {REFUSED}


@clients
@pytest.mark.parametrize("subject", ["agent", "carol"])
def test_what_the_agent_may_itself_it_may_whoever_it_works_for(
    told: Mapping[Visit, Mapping[str, Any]], visitor: str, mode: str, subject: str
) -> None:
    came = told[Visit(visitor, subject, "typescript", mode)]
    assert listed(came) == ["look_up"]
    assert {*came["calls"]} == {"this is look_up", REFUSED}


def test_what_was_called_and_what_was_refused_is_recorded(told: Mapping[Visit, Mapping[str, Any]], mcp: Stage) -> None:
    called = mcp.tools("identity.tool_called", "bob", "typescript/pay")
    assert called >= {f"{desk}/{tool}" for desk in DESKS for tool in ("find_trips", "Book_trip", "pay", "count")}
    denied = mcp.tools("identity.tool_denied", "carol", "typescript/pay")
    assert denied >= {f"typescript/{tool}" for tool in ("find_trips", "Book_trip", "pay", "count")}
    assert mcp.tools("identity.tool_called", "carol", "typescript/look_up") == {"typescript/look_up"}
