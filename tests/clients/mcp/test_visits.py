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
    *((subject, desk, mode) for subject in ("alice", "bob") for desk in (*DESKS, BY_PROXY) for mode in MODES),
    *((subject, "native", mode) for subject in ("carol", "dave", "agent") for mode in MODES),
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


visits = pytest.mark.parametrize(
    ("visitor", "desk", "mode"),
    [(visitor, desk, mode) for visitor in VISITORS for desk in (*DESKS, BY_PROXY) for mode in MODES],
)


def listed(came: Mapping[str, Any], what: str = "tools") -> list[str]:
    """Of all pages."""
    assert "failed" not in came, came
    return [name for page in came[what] for name in page]


@visits
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


@visits
def test_word_of_progress_isnt_held_back(
    told: Mapping[Visit, Mapping[str, Any]], visitor: str, desk: str, mode: str
) -> None:
    said, notes = told[Visit(visitor, "bob", desk, mode)]["count"]
    assert (said, len(notes)) == ("counted", COUNT)
    assert sorted(notes) == notes
    assert notes[-1] - notes[0] > PAUSE * (COUNT - 1) / 5
