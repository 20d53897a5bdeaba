"""What passes on an MCP route: who may say what, with which credential, and what of an answer they see."""

import json
from collections.abc import Awaitable, Mapping
from typing import Any

import pytest

from sidecar.egress.conversations import Conversations
from sidecar.egress.mcp import Filtered
from sidecar.errors import (
    AuditUnavailable,
    BadRequest,
    ConsentRequired,
    DestinationDenied,
    HandleAstray,
    InvocationMissing,
    NotPermitted,
    ProviderUnreachable,
    SessionUnknown,
)
from sidecar.invocation.invocation import Invocation
from sidecar.mcp import reply
from sidecar.oauth.credential import Outgoing
from sidecar.policy.capability import Capability, Who
from sidecar.policy.shadow import Shadow
from sidecar.relay.answer import Answer, Answers
from sidecar.relay.passage import Outcome, Reply, Sieve
from tests.egress.out import AGENT, HERE, REAL, Key, Out, anyone, itself, policy

NEW, OLD = "2026-07-28", "2025-11-25"
ROUTES: dict[str, dict[str, Any]] = {
    "travel": {"url": "https://travel.example.com/mcp", "mcp": True},
    "desk": {"url": "https://desk.example.com/mcp", "mcp": True, "provider": "desk"},
    "other": {"url": "https://other.example.com/mcp", "mcp": True},
}
ALICE, BOB = Who(subject=frozenset({"alice"})), Who(subject=frozenset({"bob"}))
CAPABILITIES: dict[str, dict[str, Any]] = {
    "look": {"who": ALICE, "tools": frozenset({"travel/find", "travel/list_*", "desk/find", "desk/pay"})},
    "everything": {"who": BOB, "routes": frozenset({"travel", "desk"})},
    "small": anyone(tools=["travel/pay"], arguments={"amount": frozenset({"3"})}),
    "own": itself(tools=["travel/own"]),
    "another": anyone(tools=["other/secret"]),
}
VERSION = "io.modelcontextprotocol/protocolVersion"


def message(method: str = "tools/call", **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


class Desk(Out):
    """Has a caller say things to an MCP route."""

    def __init__(self, **given: Any) -> None:
        self.conversations = Conversations()
        super().__init__(ROUTES, CAPABILITIES, conversations=self.conversations, **given)
        self.alice, self.handle = self.open("alice")
        self.bob, self.bobs = self.open("bob")

    def passage(
        self,
        fields: Mapping[str, str] | None = None,
        *,
        handle: bytes | None = None,
        route: str = "travel",
        method: str = "POST",
    ) -> Filtered:
        said = {
            "Content-Type": "application/json",
            "Accept-Encoding": "gzip",
            "X-Identity-Invocation": (handle if handle is not None else self.handle).decode(),
            **(fields or {}),
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in said.items() if value)
        passage = self.ask(f"{method} /to/{route} HTTP/1.1\r\nHost: {HERE.decode()}\r\n{lines}\r\n".encode())
        assert isinstance(passage, Filtered)
        return passage

    def say(self, said: object, fields: Mapping[str, str] | None = None, **given: Any) -> Any:
        """What comes of *said*: the head that leaves, or the answer."""
        body = said if isinstance(said, bytes) else json.dumps(said).encode()
        return self.passage(fields, **given).gathered(body)

    def leaves(self, said: object, fields: Mapping[str, str] | None = None, **given: Any) -> list[bytes]:
        found = self.say(said, fields, **given)
        assert isinstance(found, bytes)
        assert found.endswith(b"\r\n")
        return found[:-2].split(b"\r\n")

    def refusal(self, said: object, fields: Mapping[str, str] | None = None, **given: Any) -> Any:
        """Status, JSON-RPC's code and ours, of an answer."""
        found = self.say(said, fields, **given)
        assert isinstance(found, Reply)
        assert b"Content-Type: application/json\r\n" in found.lines
        return found.status, json.loads(found.body)["error"]["code"], found.code

    @property
    def last(self) -> dict[str, Any]:
        event: dict[str, Any] = self.journal.events[-1]
        return event


@pytest.fixture
def desk() -> Desk:
    return Desk()


def modern(method: str, name: str | None = None) -> dict[str, str]:
    fields = {"MCP-Protocol-Version": NEW, "Mcp-Method": method}
    return {**fields, "Mcp-Name": name} if name is not None else fields


def answer(*lines: str, status: int = 200, length: int | None = None) -> Answer:
    said = "".join(f"{line}\r\n" for line in lines) + (f"Content-Length: {length}\r\n" if length is not None else "")
    return Answers(lambda _name: False).parse(f"HTTP/1.1 {status} OK\r\n{said}\r\n".encode())


JSON, EVENTS = "Content-Type: application/json", "Content-Type: text/event-stream"


def listing(*names: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "result": {"tools": [{"name": name} for name in names], "nextCursor": "c"}}


def names(text: bytes) -> list[str]:
    return [tool["name"] for tool in json.loads(text)["result"]["tools"]]


def through(sieve: Sieve | None, *pieces: bytes) -> bytes:
    assert sieve is not None
    return b"".join([*map(sieve.feed, pieces), sieve.end()])


# who may say what


def test_a_call_of_a_tool_that_is_allowed_leaves_as_it_came(desk: Desk) -> None:
    lines = desk.leaves(message(name="find", arguments={"city": "Rome"}))
    assert lines[:2] == [b"POST /mcp HTTP/1.1", b"Host: travel.example.com"]
    assert not [line for line in lines if line.lower().startswith((b"x-identity", b"accept-encoding"))]
    assert desk.last["name"] == "identity.tool_called"
    said = desk.last["attributes"]
    assert (said["identity.tool"], said["identity.capability"]) == ("travel/find", "look")
    assert (said["identity.outcome"], said["identity.route"]) == ("called", "travel")
    assert said["identity.principal.id"] == desk.alice.principal.id


@pytest.mark.parametrize(
    "name",
    [
        "pay_all",
        "Find",
        "FIND",
        "find ",
        " find",
        "f\u0456nd",
        "\uff46ind",
        "find\u200b",
        "findx",
        "fin",
        "travel/find",
        "other/secret",
        "secret",
        "../find",
        "list",
        "find/../pay",
        "*",
        "lis*",
        "%66ind",
    ],
)
def test_another_tool_is_refused_as_one_that_there_is_not(desk: Desk, name: str) -> None:
    assert desk.refusal(message(name=name)) == (200, -32602, "tool_denied")
    assert desk.last["name"] == "identity.tool_denied"
    assert desk.last["attributes"]["error.type"] == "tool_denied"
    assert desk.last["attributes"]["identity.route"] == "travel"
    assert desk.last["attributes"]["identity.tool"].startswith("travel/")


def test_nobody_learns_whether_there_is_such_a_tool(desk: Desk) -> None:
    desk.conversations.saw("travel", ["pay_all"])
    first, second = (desk.say(message(name=name)).body for name in ("pay_all", "there_is_none"))
    assert first == second
    assert b"listed for this principal" in first
    assert json.loads(first)["error"]["data"]["trace_id"] == desk.alice.trace_id.decode()
    assert b"small" not in first


def test_the_agent_is_told_why_where_it_may_be() -> None:
    assert b"everything" in Desk(explains=True).say(message(name="pay_all")).body


def test_arguments_are_held_to(desk: Desk) -> None:
    desk.leaves(message(name="pay", arguments={"amount": "3"}))
    for arguments in ({"amount": "4"}, {}, None, {"amount": ["3", "4"]}, {"AMOUNT": "3"}):
        assert desk.refusal(message(name="pay", arguments=arguments)) == (200, -32602, "tool_denied")


NOT_READ: dict[str, bytes] = {
    "a batch": json.dumps([message(name="find")]).encode(),
    "a name twice": b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"find","name":"pay_all"}}',
    "a method twice": b'{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":{"name":"pay_all"}}',
    "another case": b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"find","Name":"pay_all"}}',
    "a name that is none": json.dumps(message(name=["find"])).encode(),
    "NUL": json.dumps(message(name="find\0_all")).encode(),
    "a mark": b"\xef\xbb\xbf" + json.dumps(message(name="find")).encode(),
    "UTF-16": json.dumps(message(name="find")).encode("utf-16"),
    "garbage behind it": json.dumps(message(name="find")).encode() + b"garbage",
    "arguments in two cases": json.dumps(message(name="pay", arguments={"amount": "3", "Amount": "4"})).encode(),
    "arguments that are none": json.dumps(message(name="find", arguments=[])).encode(),
    "nothing": b"",
}


@pytest.mark.parametrize("body", NOT_READ.values(), ids=NOT_READ.keys())
def test_what_can_be_read_in_two_ways_goes_nowhere(desk: Desk, body: bytes) -> None:
    with pytest.raises(BadRequest):
        desk.say(body)
    assert not desk.journal.events


@pytest.mark.parametrize(
    "method",
    ["initialize", "ping", "server/discover", "logging/setLevel", "tools/list", "prompts/list", "resources/list"],
)
def test_who_has_one_tool_may_shake_hands_and_list(desk: Desk, method: str) -> None:
    desk.leaves(message(method))
    assert (desk.last["name"], desk.last["attributes"]["identity.capability"]) == (
        "identity.credential_attached",
        "look",
    )


@pytest.mark.parametrize(
    "said",
    [
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}},
        {"jsonrpc": "2.0", "id": 5, "result": {"roots": []}},
        {"jsonrpc": "2.0", "id": 5, "error": {"code": -1, "message": "no"}},
    ],
)
def test_notes_and_answers_of_a_client_leave(desk: Desk, said: Any) -> None:
    desk.leaves(said)


WHOLE = ["prompts/get", "resources/read", "resources/subscribe", "completion/complete", "tasks/get", "tasks/cancel"]


@pytest.mark.parametrize("method", WHOLE)
def test_everything_else_takes_the_route(desk: Desk, method: str) -> None:
    said = message(method, name="x", uri="file:///x")
    assert desk.refusal(said) == (200, -32602, "not_permitted")
    assert desk.last["name"] == "identity.egress_denied"
    desk.leaves(said, handle=desk.bobs)


def test_whoever_has_the_route_has_all_its_tools(desk: Desk) -> None:
    desk.leaves(message(name="whatever"), handle=desk.bobs)
    assert desk.last["attributes"]["identity.capability"] == "everything"


def test_who_has_nothing_of_a_server_is_refused_at_once() -> None:
    desk = Desk()
    desk.door._policy = None  # type: ignore[assignment]  # nothing of the door's own is asked
    with pytest.raises(NotPermitted):
        desk.say(message("initialize"), route="desk", handle=AGENT)
    with pytest.raises(NotPermitted):
        desk.passage(route="desk", handle=AGENT, method="GET").gathered(b"")


def test_the_agents_own_tools_are_its_own_and_everyones(desk: Desk) -> None:
    desk.leaves(message(name="own"), handle=AGENT)
    assert desk.last["attributes"]["identity.reason"] == "the agent's own call, while invocations are open"
    desk.leaves(message(name="own"))
    assert desk.refusal(message(name="find"), handle=AGENT) == (200, -32602, "tool_denied")
    assert desk.door._record.own_during == 1


@pytest.mark.parametrize(
    ("fields", "status"), [({}, 200), ({"MCP-Protocol-Version": OLD}, 200), (modern("tasks/list"), 404)]
)
@pytest.mark.parametrize("handle", ["handle", "bobs"])
def test_a_method_that_nobody_knows_is_not_found(desk: Desk, fields: Any, status: int, handle: str) -> None:
    said = message("tasks/list")
    assert desk.refusal(said, fields, handle=getattr(desk, handle)) == (status, -32601, "not_permitted")


def test_a_note_that_nobody_knows_is_refused(desk: Desk) -> None:
    found = desk.say({"jsonrpc": "2.0", "method": "notifications/tools/call"})
    assert (found.status, json.loads(found.body)["id"]) == (400, None)
    for method in ("tools/Call", "TOOLS/LIST", "tools/call ", "rpc.discover", ""):
        assert desk.refusal(message(method, name="find"))[1] == -32601


def test_headers_that_lie_are_refused(desk: Desk) -> None:
    desk.leaves(message(name="find"), modern("tools/call", "find"))
    for fields in (
        modern("tools/call", "pay"),
        modern("tools/list", "find"),
        modern("tools/call"),
        {"MCP-Protocol-Version": NEW, "Mcp-Name": "find"},
        {"Mcp-Name": "pay"},
        {"MCP-Protocol-Version": OLD, "Mcp-Method": "ping"},
    ):
        assert desk.refusal(message(name="find"), fields) == (400, -32020, "bad_request")
    said = message(name="find", _meta={VERSION: NEW})
    assert desk.refusal(said, {"MCP-Protocol-Version": OLD}) == (400, -32020, "bad_request")
    # What isn't allowed isn't allowed by a header, either.
    assert desk.refusal(message(name="pay_all"), modern("tools/call", "find")) == (400, -32020, "bad_request")


def within(where: str, value: Any) -> dict[str, Any]:
    return {where: value}


@pytest.mark.parametrize("where", ["_meta", "arguments"])
def test_a_handle_in_the_body_stops_it(desk: Desk, where: str) -> None:
    for live in (desk.handle, desk.bobs, AGENT):
        for text in (live.decode(), f"Bearer {live.decode()}", "".join(f"%{byte:02x}" for byte in live)):
            with pytest.raises(HandleAstray):
                desk.say(message(name="find", **within(where, {"x": ["y", {"z": text}]})))
            escaped = json.dumps(message(name="find", **within(where, {text: 1})))
            with pytest.raises(HandleAstray):
                desk.say(escaped.replace("h_", "\\u0068_").replace("g_", "g\\u005f").encode())
    desk.leaves(message(name="find", **within(where, {"x": "ih_" + "C" * 43})))


def test_other_paths_and_bodies_without_need_are_refused(desk: Desk) -> None:
    with pytest.raises(DestinationDenied):
        desk.ask(
            b"GET /to/travel/.well-known/x HTTP/1.1\r\nHost: %b\r\nX-Identity-Invocation: %b\r\n\r\n"
            % (HERE, desk.handle)
        )
    with pytest.raises(BadRequest):
        desk.passage(method="GET").gathered(b"{}")


def test_every_way_out_goes_by_it(desk: Desk) -> None:
    fields = b"X-Identity-Invocation: %b\r\nContent-Type: application/json\r\n" % desk.handle
    within = b"POST /mcp HTTP/1.1\r\nHost: travel.example.com\r\n%b\r\n" % fields
    passage = desk.ask(within, desk.tunnel(b"travel.example.com:443"))
    assert isinstance(passage, Filtered)
    with pytest.raises(InvocationMissing):
        desk.ask(b"POST /to/travel HTTP/1.1\r\nHost: %b\r\nContent-Type: application/json\r\n\r\n" % HERE)


# with which credential


def test_a_credential_is_got_for_what_is_allowed_alone() -> None:
    key = Key()
    desk = Desk(sources={"desk": key})
    assert desk.refusal(message(name="other"), route="desk") == (200, -32602, "tool_denied")
    assert not key.asked
    lines = desk.leaves(message(name="find"), {"Authorization": "Bearer placeholder"}, route="desk")
    assert b"Authorization: Bearer " + REAL.encode() in lines
    assert not [line for line in lines if b"placeholder" in line]
    assert key.asked[0].principal is desk.alice.principal
    assert desk.last["attributes"]["identity.provider"] == "desk"


async def later(found: Any) -> Any:
    assert isinstance(found, Awaitable)
    return await found


async def test_one_that_is_waited_for_is_attached() -> None:
    key = Key()
    key.waits = True
    desk = Desk(sources={"desk": key})
    found = await later(desk.say(message(name="find"), route="desk"))
    assert REAL.encode() in found
    key.refuses = ProviderUnreachable("away")
    with pytest.raises(ProviderUnreachable):
        await later(desk.say(message(name="find"), route="desk"))


def consenting(*, waits: bool = True) -> tuple[Desk, Key]:
    key = Key()
    key.waits = waits
    key.refuses = ConsentRequired.at("https://accounts.example.com/connect/s-1", "s-1", "desk: nothing granted yet")
    return Desk(sources={"desk": key}), key


async def test_a_user_who_has_not_agreed_is_asked_by_the_client() -> None:
    desk, _ = consenting()
    found = await later(desk.say(message(name="find"), route="desk"))
    assert (found.status, json.loads(found.body)["error"]["code"], found.code) == (200, -32042, "consent_required")
    assert desk.last["name"] == "identity.tool_denied"
    assert desk.last["attributes"]["error.type"] == "consent_required"
    meta = {VERSION: NEW, "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"url": {}}}}
    said = message(name="find", _meta=meta)
    found = await later(desk.say(said, modern("tools/call", "find"), route="desk"))
    assert json.loads(found.body)["result"]["resultType"] == "input_required"


async def test_who_may_not_is_not_asked() -> None:
    desk, key = consenting()
    assert desk.refusal(message(name="other"), route="desk") == (200, -32602, "tool_denied")
    assert not key.asked


async def test_a_stream_and_a_note_have_nobody_to_ask() -> None:
    desk, _ = consenting()
    with pytest.raises(ConsentRequired):
        await later(desk.passage(route="desk", method="GET").gathered(b""))
    with pytest.raises(ConsentRequired):
        await later(desk.say({"jsonrpc": "2.0", "method": "notifications/initialized"}, route="desk"))


def test_a_source_that_knows_at_once_asks_as_well() -> None:
    desk, key = consenting(waits=False)

    def ready(ask: Any) -> Any:
        raise key.refuses  # type: ignore[misc]  # it is set

    key.ready = ready  # type: ignore[method-assign]  # a hand-made one
    assert desk.refusal(message(name="find"), route="desk") == (200, -32042, "consent_required")


def test_what_the_user_said_to_us_does_not_go_on() -> None:
    desk = Desk(sources={"desk": Key()})
    said = message(name="find", inputResponses={reply.CONSENT: {"action": "accept"}})
    passage = desk.passage(route="desk")
    assert isinstance(passage.gathered(json.dumps(said).encode()), bytes)
    assert passage.body is not None
    assert json.loads(passage.body) == message(name="find")
    passage = desk.passage(route="desk")
    passage.gathered(json.dumps(message(name="find")).encode())
    assert passage.body is None


def test_a_signature_covers_the_body() -> None:
    class Signs:
        def needs_body(self, outgoing: Outgoing) -> bool:
            return True

        def sign(self, outgoing: Outgoing, body: bytes | None) -> bytes:
            kept = b"".join(f"{name}: {value}\r\n".encode() for name, value in outgoing.headers)
            return kept + b"Signature: %d\r\n" % len(body or b"")

    key = Key()
    key.credential = Signs()
    desk = Desk(sources={"desk": key})
    body = json.dumps(message(name="find")).encode()
    lines = desk.leaves(body, route="desk")
    assert b"Signature: %d" % len(body) in lines
    assert b"Content-Type: application/json" in lines


# what is seen of an answer


def asked(desk: Desk, method: str, fields: Mapping[str, str] | None = None, **given: Any) -> Filtered:
    passage = desk.passage(fields, **given)
    assert isinstance(passage.gathered(json.dumps(message(method, name="find")).encode()), bytes)
    return passage


def test_a_list_shows_what_may_be_called(desk: Desk) -> None:
    data = json.dumps(listing("pay_all", "list_b", "find", "list_a", "pay", "own")).encode()
    sieve = asked(desk, "tools/list").sieve(answer(JSON))
    assert sieve is not None
    assert sieve.whole
    said = through(sieve, data[:10], data[10:])
    assert names(said) == ["list_b", "find", "list_a", "pay", "own"]
    assert json.loads(said)["result"]["cacheScope"] == "private"
    assert desk.last["name"] == "identity.tools_listed"
    shown = desk.last["attributes"]
    assert (shown["identity.tools.shown"], shown["identity.tools.hidden"]) == (5, 1)
    assert names(through(asked(desk, "tools/list", handle=desk.bobs).sieve(answer(JSON)), data)) == names(data)
    assert names(through(asked(desk, "tools/list", handle=AGENT).sieve(answer(JSON)), data)) == ["own"]


def test_so_it_does_in_a_stream(desk: Desk) -> None:
    sieve = asked(desk, "tools/list").sieve(answer(EVENTS))
    assert sieve is not None
    assert not sieve.whole
    note = b'event: message\ndata: {"jsonrpc":"2.0","method":"notifications/message","params":{}}\n\n'
    assert sieve.feed(note) == note
    event = b"id: 1\ndata: %b\n\n" % json.dumps(listing("pay_all", "find")).encode()
    said = sieve.feed(event)
    assert b"pay_all" not in said
    assert b"find" in said


@pytest.mark.parametrize(
    ("member", "method"), [("prompts", "prompts/list"), ("resourceTemplates", "resources/templates/list")]
)
def test_prompts_and_resources_are_the_routes(desk: Desk, member: str, method: str) -> None:
    data = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {member: [{"name": "x"}]}}).encode()
    assert json.loads(through(asked(desk, method).sieve(answer(JSON)), data))["result"][member] == []
    found = through(asked(desk, method, handle=desk.bobs).sieve(answer(JSON)), data)
    assert json.loads(found)["result"][member] == [{"name": "x"}]


def test_a_result_passes_untouched_and_at_once(desk: Desk) -> None:
    passage = asked(desk, "tools/call")
    assert passage.sieve(answer(JSON)) is None
    sieve = passage.sieve(answer(EVENTS))
    assert sieve is not None
    event = b'data: {"jsonrpc":"2.0","id":1,"result":{"content":[]}}\n\n'
    assert sieve.feed(event) == event


def test_an_answer_to_another_request_is_looked_through_in_a_session(desk: Desk) -> None:
    desk.conversations.sessions.bind("travel", b"s", desk.alice.principal.id)
    passage = asked(desk, "tools/call", {"Mcp-Session-Id": "s"})
    assert names(through(passage.sieve(answer(JSON)), json.dumps(listing("pay_all", "find")).encode())) == ["find"]
    resumed = desk.passage({"Mcp-Session-Id": "s", "Last-Event-ID": "7"}, method="GET")
    assert isinstance(resumed.gathered(b""), bytes)
    event = b"data: %b\n\n" % json.dumps(listing("pay_all", "find")).encode()
    assert b"pay_all" not in through(resumed.sieve(answer(EVENTS)), event)


@pytest.mark.parametrize("data", [b"<html>", b"", b"[]", b'{"result":{"tools":{}}}'])
def test_what_is_no_list_where_one_is_due_does_not_pass(desk: Desk, data: bytes) -> None:
    passage = asked(desk, "tools/list")
    if data:
        with pytest.raises(ValueError):  # noqa: PT011 - of several texts
            through(passage.sieve(answer(JSON)), data)
        with pytest.raises(ValueError):  # noqa: PT011 - of several texts
            through(passage.sieve(answer(EVENTS)), b"data: " + data + b"\n\n")
    with pytest.raises(ValueError, match="something else"):
        passage.sieve(answer("Content-Type: text/html", length=10))
    assert passage.sieve(answer("Content-Type: text/html", status=502, length=10)) is None
    assert passage.sieve(answer(length=0)) is None


def test_a_compressed_answer_does_not_pass(desk: Desk) -> None:
    with pytest.raises(ValueError, match="compressed"):
        asked(desk, "tools/call").sieve(answer(JSON, "Content-Encoding: gzip"))


def test_a_list_that_cannot_be_recorded_is_not_shown(desk: Desk) -> None:
    passage = asked(desk, "tools/list")

    def full(event: bytes) -> None:
        raise AuditUnavailable("no room")

    desk.journal.record = full  # type: ignore[method-assign]  # a hand-made one
    with pytest.raises(ValueError, match="no room"):
        through(passage.sieve(answer(JSON)), json.dumps(listing("find")).encode())


# whose a session is


def begun(desk: Desk, session: str, handle: bytes | None = None) -> None:
    asked(desk, "initialize", handle=handle).sieve(answer(EVENTS, f"Mcp-Session-Id: {session}"))


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_a_session_is_whoevers_it_was_given_to(desk: Desk, method: str) -> None:
    begun(desk, "s-1")
    desk.passage({"Mcp-Session-Id": "s-1"}, method=method)
    for handle in (desk.bobs, AGENT):
        with pytest.raises(SessionUnknown):
            desk.passage({"Mcp-Session-Id": "s-1"}, method=method, handle=handle)
    with pytest.raises(SessionUnknown):
        desk.passage({"Mcp-Session-Id": "s-1"}, method=method, route="other")
    with pytest.raises(SessionUnknown):
        desk.passage({"Mcp-Session-Id": "s-2"}, method=method)
    assert "s-1" not in json.dumps(desk.journal.events + desk.journal.strangers)


def test_another_call_of_the_same_principal_goes_on_with_it(desk: Desk) -> None:
    begun(desk, "s-1")
    _, again = desk.open("alice")
    desk.passage({"Mcp-Session-Id": "s-1"}, handle=again)


def test_the_agents_sessions_are_its_own(desk: Desk) -> None:
    begun(desk, "s-1", AGENT)
    desk.passage({"Mcp-Session-Id": "s-1"}, handle=AGENT)
    with pytest.raises(SessionUnknown):
        desk.passage({"Mcp-Session-Id": "s-1"})


def test_a_server_cannot_give_anothers(desk: Desk) -> None:
    begun(desk, "s-1")
    with pytest.raises(ValueError, match="another principal's"):
        begun(desk, "s-1", desk.bobs)
    desk.passage({"Mcp-Session-Id": "s-1"})


def test_a_failure_gives_none(desk: Desk) -> None:
    asked(desk, "initialize").sieve(answer(JSON, "Mcp-Session-Id: s-1", status=400))
    with pytest.raises(SessionUnknown):
        desk.passage({"Mcp-Session-Id": "s-1"})


@pytest.mark.parametrize(("method", "status"), [("DELETE", 200), ("DELETE", 204), ("POST", 404), ("GET", 404)])
def test_one_that_has_ended_is_forgotten(desk: Desk, method: str, status: int) -> None:
    begun(desk, "s-1")
    desk.passage({"Mcp-Session-Id": "s-1"}, method=method).sieve(answer(status=status))
    with pytest.raises(SessionUnknown):
        desk.passage({"Mcp-Session-Id": "s-1"})


def test_one_that_has_not_is_remembered(desk: Desk) -> None:
    begun(desk, "s-1")
    desk.passage({"Mcp-Session-Id": "s-1"}, method="DELETE").sieve(answer(status=405))
    desk.passage({"Mcp-Session-Id": "s-1"}).sieve(answer(status=202))
    desk.passage({"Mcp-Session-Id": "s-1"})


# who listens


def listening(desk: Desk, said: list[bytes], **given: Any) -> Filtered:
    passage = desk.passage(method="GET", **given)
    assert isinstance(passage.gathered(b""), bytes)
    passage.streaming(said.append)
    return passage


def new_policy(**capabilities: Mapping[str, Any]) -> Any:
    routes = [exit_.leg.route for exit_ in Desk().exits.values()]
    return policy([Capability(name, **given) for name, given in {**CAPABILITIES, **capabilities}.items()], routes)


def test_who_may_see_other_tools_is_told(desk: Desk) -> None:
    desk.conversations.saw("travel", ["find", "pay_all"])
    alices: list[bytes] = []
    bobs: list[bytes] = []
    passage = listening(desk, alices)
    listening(desk, bobs, handle=desk.bobs)
    changed = new_policy(more={"who": ALICE, "tools": frozenset({"travel/pay_all"})})
    desk.conversations.changed(changed, desk.now)
    assert (len(alices), bobs) == (1, [])
    assert b"notifications/tools/list_changed" in alices[0]
    desk.conversations.changed(changed, desk.now)
    assert len(alices) == 1
    event = b"data: %b\n\n" % json.dumps(listing("pay_all")).encode()
    assert b"pay_all" in through(passage.sieve(answer(EVENTS)), event)  # from now on
    assert passage.capability is None
    passage.ended(Outcome.DONE, 200)
    desk.conversations.changed(new_policy(), desk.now)
    assert len(alices) == 1


def test_who_may_say_nothing_any_more_hears_nothing(desk: Desk) -> None:
    said: list[bytes] = []
    passage = listening(desk, said)
    desk.conversations.changed(policy([], []), desk.now)
    assert (said, desk.connection.stops) == ([], 1)
    assert passage.capability is None


def listens(desk: Desk, **notifications: Any) -> Filtered:
    passage = desk.passage(modern("subscriptions/listen"))
    assert isinstance(
        passage.gathered(json.dumps(message("subscriptions/listen", notifications=notifications)).encode()), bytes
    )
    return passage


def test_in_the_newer_era_who_asks_for_it_is_told(desk: Desk) -> None:
    desk.conversations.saw("travel", ["find", "pay_all"])
    said: list[bytes] = []
    for passage in (listens(desk, toolsListChanged=True), listens(desk, promptsListChanged=True)):
        passage.streaming(said.append)
    desk.conversations.changed(new_policy(more={"who": ALICE, "tools": frozenset({"travel/pay_all"})}), desk.now)
    assert len(said) == 1
    assert b'"io.modelcontextprotocol/subscriptionId":1' in said[0]


def test_the_acknowledgement_promises_it(desk: Desk) -> None:
    note = {"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": {"notifications": {}}}
    event = b"data: %b\n\n" % json.dumps(note).encode()
    assert b'"toolsListChanged":true' in through(listens(desk, toolsListChanged=True).sieve(answer(EVENTS)), event)
    assert through(listens(desk, promptsListChanged=True).sieve(answer(EVENTS)), event) == event


def test_what_becomes_of_resources_is_told_to_who_may_read_them(desk: Desk) -> None:
    said = message("subscriptions/listen", notifications={"resourceSubscriptions": ["file:///x"]})
    assert desk.refusal(said, modern("subscriptions/listen")) == (200, -32602, "not_permitted")
    desk.leaves(said, modern("subscriptions/listen"), handle=desk.bobs)


# in the shadow mode


def shadowed(desk: Desk) -> Filtered:
    """A request that is let through whatever comes of it."""
    passage = desk.passage()
    passage._talk.policy = Shadow(passage._talk.policy)  # type: ignore[arg-type]  # a declared one
    return passage


def test_a_call_that_is_let_through_all_the_same_is_recorded_so(desk: Desk) -> None:
    assert isinstance(shadowed(desk).gathered(json.dumps(message(name="pay_all")).encode()), bytes)
    said = desk.last["attributes"]
    assert (desk.last["name"], said["identity.outcome"]) == ("identity.tool_called", "shadowed")
    assert said["identity.capability"] in said["identity.reason"]
    assert isinstance(shadowed(desk).gathered(json.dumps(message("prompts/get", name="x")).encode()), bytes)
    said = desk.last["attributes"]
    assert (desk.last["name"], said["identity.outcome"]) == ("identity.credential_attached", "shadowed")


def test_a_list_is_whole_and_the_record_says_what_would_be_hidden(desk: Desk) -> None:
    passage = shadowed(desk)
    passage.gathered(json.dumps(message("tools/list")).encode())
    said = through(passage.sieve(answer(JSON)), json.dumps(listing("pay_all", "find", "secret")).encode())
    assert names(said) == ["pay_all", "find", "secret"]
    told = desk.last["attributes"]
    assert told["identity.outcome"] == "shadowed"
    assert (told["identity.tools.shown"], told["identity.tools.hidden"]) == (1, 2)


def test_what_is_awaited_ends_with_its_invocation() -> None:
    desk = Desk(sources={"desk": Key()})
    assert isinstance(desk.alice, Invocation)
    passage = desk.passage(route="desk")
    assert desk.alice.streams == {desk.connection: 1}
    passage.ended(Outcome.DONE, 200)
    assert not desk.alice.streams
