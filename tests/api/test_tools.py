"""What the agent may show a model, and call."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from sidecar.errors import AuditUnavailable
from sidecar.policy.capability import Capability, Who
from sidecar.policy.decision import Toolbox
from sidecar.policy.declared import Declared
from tests.api.around import AGENT, ALICE, BOB, Around, serving

LIST, SHOWN, CHECK = ("GET", "/v1/tools"), ("POST", "/v1/tools/shown"), ("POST", "/v1/tools/check")
AS_AGENT = AGENT.decode()
BOOKS = {"desk": Toolbox(tools=frozenset({"book_room", "open_door"})), "travel": Toolbox()}
SALES = Who(groups=frozenset({"sales"}))
CAPABILITIES = (
    Capability("travel", SALES, tools=frozenset({"travel/list_events", "travel/read_*"})),
    Capability("book", SALES, tools=frozenset({"desk/book_room"}), arguments={"room": frozenset({"red", "blue"})}),
    Capability("open", Who(principal=False), tools=frozenset({"desk/open_door"})),
)
DECLARED = ("desk/book_room", "desk/open_door", "travel/list_events")


@pytest.fixture
async def around() -> AsyncIterator[Around]:
    policy = Declared(CAPABILITIES, toolboxes=BOOKS)
    async with serving(policy=policy, tools=DECLARED, tool_route="travel") as around:
        yield around


def last(around: Around) -> tuple[str, dict[str, Any]]:
    event = around.journal.events[-1]
    return event["name"], event["attributes"]


async def test_each_principal_sees_its_own_tools_and_the_agent_what_is_everyones(around: Around) -> None:
    seen = {}
    for who, handle in (("alice", around.open()[1]), ("bob", around.open(BOB)[1]), ("agent", AS_AGENT)):
        seen[who] = (await around.ask(*LIST, handle)).json()["tools"]
        name, said = last(around)
        assert (name, said["identity.outcome"]) == ("identity.tools_listed", "listed")
        assert (said["identity.tools.shown"], said["identity.tools.hidden"]) == (len(seen[who]), 3 - len(seen[who]))
    assert seen == {"alice": list(DECLARED), "bob": ["desk/open_door"], "agent": ["desk/open_door"]}
    assert last(around)[1]["identity.principal.kind"] == "agent"


async def test_of_the_tools_that_are_named_those_are_told_that_may_be_seen(around: Around) -> None:
    named = [
        "travel/write",
        "read_mail",
        "travel/read_mail",
        "desk/open_door",
        "Travel/read_mail",
        "list_events",
        "desk/",
    ]
    said = await around.ask(*SHOWN, around.open()[1], {"tools": named})
    assert said.json() == {"tools": ["read_mail", "travel/read_mail", "desk/open_door", "list_events"]}
    name, event = last(around)
    assert (name, event["identity.tools.shown"], event["identity.tools.hidden"]) == ("identity.tools_listed", 4, 3)
    said = await around.ask(*SHOWN, around.open(BOB)[1], {"tools": named})
    assert said.json() == {"tools": ["desk/open_door"]}
    assert (await around.ask(*SHOWN, AS_AGENT, {"tools": []})).json() == {"tools": []}


@pytest.mark.parametrize(
    ("tool", "arguments", "allowed"),
    [
        ("travel/list_events", {}, True),
        ("list_events", {"month": 3}, True),
        ("travel/read_mail", None, True),
        ("desk/book_room", {"room": "red"}, True),
        ("desk/book_room", {"room": ["red", "blue"], "at": "noon"}, True),
        ("desk/book_room", {"room": "green"}, False),
        ("desk/book_room", {"room": ["red", "green"]}, False),
        ("desk/book_room", {}, False),
        ("desk/book_room", None, False),
        ("book_room", {"room": "red"}, False),
        ("travel/write", {}, False),
        ("TRAVEL/list_events", {}, False),
        ("travel/list_events ", {}, False),
        ("travel/*", {}, False),
        ("nowhere/list_events", {}, False),
    ],
)
async def test_a_call_is_allowed_by_its_name_and_arguments(
    around: Around, tool: str, arguments: dict[str, Any] | None, allowed: bool
) -> None:
    wanted = {"tool": tool} if arguments is None else {"tool": tool, "arguments": arguments}
    said = await around.ask(*CHECK, around.open()[1], wanted)
    name, event = last(around)
    whole = tool if "/" in tool else f"travel/{tool}"
    assert event["identity.tool"] == whole.replace(" ", "%20")
    assert event["identity.principal.kind"] == "user"
    if allowed:
        assert (said.status, said.body, name) == (204, b"", "identity.tool_called")
        assert event["identity.outcome"] == "called"
        assert event["identity.capability"] in ("travel", "book")
    else:
        assert said.refused() == (403, "tool_denied")
        assert (name, event["identity.outcome"]) == ("identity.tool_denied", "denied")
        assert event["error.type"] == "tool_denied"


async def test_the_agent_itself_calls_what_is_everyones(around: Around) -> None:
    assert (await around.ask(*CHECK, AS_AGENT, {"tool": "desk/open_door"})).status == 204
    assert (await around.ask(*CHECK, AS_AGENT, {"tool": "travel/list_events"})).refused() == (403, "tool_denied")


async def test_what_was_failed_is_told_where_that_is_wanted(around: Around) -> None:
    wanted = {"tool": "desk/book_room", "arguments": {"room": "the-secret-room"}}
    said = await around.ask(*CHECK, around.open()[1], wanted)
    assert "book" not in said.problem()["detail"]
    assert (last(around)[1]["identity.capability"], last(around)[1]["identity.reason"]) == (
        "book",
        "book: arguments.room: none of blue, red",
    )
    around.change(explains=True)
    said = await around.ask(*CHECK, around.open()[1], wanted)
    assert said.problem()["detail"] == "Not permitted. book: arguments.room: none of blue, red."
    assert "the-secret-room" not in str(around.journal.events) + said.body.decode()


async def test_a_bare_name_takes_one_mcp_route(around: Around) -> None:
    around.change(tool_route=None)
    for call, wanted in ((CHECK, {"tool": "list_events"}), (SHOWN, {"tools": ["desk/open_door", "list_events"]})):
        said = await around.ask(*call, around.open()[1], wanted)
        assert said.refused() == (400, "bad_request")
        assert "route/tool" in said.problem()["detail"]


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        (SHOWN, {}),
        (SHOWN, {"tools": "travel/list_events"}),
        (SHOWN, {"tools": [1]}),
        (SHOWN, {"tools": [""]}),
        (SHOWN, {"tools": ["travel/" + "a" * 250]}),
        (SHOWN, {"tools": ["travel/\x00"]}),
        (SHOWN, {"tools": ["a/b"] * 1025}),
        (CHECK, {}),
        (CHECK, {"tool": ["travel/list_events"]}),
        (CHECK, b'{"tool": "travel/\\ud800"}'),
        (CHECK, {"tool": "travel/list\x7f"}),
        (CHECK, {"tool": "travel/list_events", "arguments": []}),
        (CHECK, {"tool": "travel/list_events", "arguments": None}),
        (CHECK, {"tool": "travel/list_events", "argument": {}}),
        (CHECK, b'{"tool": "travel/write", "tool": "travel/list_events"}'),
        (CHECK, b'{"tool": "desk/book_room", "arguments": {"room": "green", "room": "red"}}'),
    ],
)
async def test_what_can_be_read_in_two_ways_or_not_at_all_is_refused(
    around: Around, call: tuple[str, str], wanted: object
) -> None:
    assert (await around.ask(*call, around.open()[1], wanted)).refused() == (400, "bad_request")


async def test_nobody_is_told_anything_without_a_handle(around: Around) -> None:
    for call, wanted in ((LIST, None), (SHOWN, {"tools": []}), (CHECK, {"tool": "desk/open_door"})):
        assert (await around.ask(*call, None, wanted)).refused() == (401, "invocation_missing")
        assert (await around.ask(*call, "ih_" + "a" * 43, wanted)).refused() == (401, "invocation_invalid")
    assert around.journal.events == []


async def test_what_cannot_be_recorded_is_not_allowed(around: Around) -> None:
    around.journal.fault = AuditUnavailable("full")
    handle = around.open()[1]
    for call, wanted in ((LIST, None), (SHOWN, {"tools": []}), (CHECK, {"tool": "desk/open_door"})):
        assert (await around.ask(*call, handle, wanted)).refused() == (503, "audit_unavailable")


async def test_in_shadow_a_call_is_let_through_and_recorded_as_what_it_is(around: Around) -> None:
    class Shadow(Declared):
        def decide(self, access: Any, now: float) -> Any:
            return replace(super().decide(access, now), shadow=True)

    around.change(policy=Shadow(CAPABILITIES, toolboxes=BOOKS))
    said = await around.ask(*CHECK, around.open(BOB)[1], {"tool": "travel/list_events"})
    name, event = last(around)
    assert (said.status, name, event["identity.outcome"]) == (204, "identity.tool_called", "shadowed")
    assert "identity.capability" not in event
    assert event["identity.reason"].startswith("travel: who.groups")


async def test_names_that_hold_credentials_leave_none_in_the_record(around: Around) -> None:
    _, handle = around.open()
    for tool in (f"desk/{handle}", "desk/alice@example.com"):
        await around.ask(*CHECK, around.open(ALICE)[1], {"tool": tool})
    assert handle not in str(around.journal.events)
    assert "alice@" not in str(around.journal.events)
