"""What is recorded of calls that leave, and of those that don't."""

from typing import Any

import pytest

from sidecar.egress.record import Call, Record
from sidecar.egress.route import Route
from sidecar.egress.routes import Leg
from sidecar.errors import AuditUnavailable, InvocationMissing, NotPermitted, ProviderUnreachable
from sidecar.invocation.caller import AGENT
from sidecar.journal import Ended
from sidecar.policy.decision import Decision
from sidecar.relay.proxied import read
from tests.egress.out import Out, get

LEG = Leg.of(Route("api", "https://api.example.com", "token", frozenset({"b", "a"})))
TRACE, SPAN = b"0af7651916cd43dd8448eb211c80319c", b"b7ad6b7169203331"


@pytest.fixture
def out() -> Out:
    return Out({}, {})


def record(out: Out) -> Record:
    return Record(out.journal, lambda principal: {"identity.principal.id": principal.id}, lambda: 7, lambda: 0)


def head(out: Out, path: bytes = b"/to/api/x") -> Any:
    return read(get(path), out.door.shapes)


def test_a_call_that_leaves_says_who_where_with_what_and_by_which_capability(out: Out) -> None:
    invocation, _ = out.open()
    record(out).attached(Call(TRACE, SPAN, leg=LEG, caller=invocation), LEG, head(out), "sell")
    (event,) = out.journal.events
    assert (event["time_ns"], event["trace_id"], event["span_id"]) == (7, TRACE.decode(), SPAN.decode())
    assert event["attributes"] == {
        "identity.principal.id": invocation.principal.id,
        "identity.route": "api",
        "server.address": "api.example.com",
        "identity.provider": "token",
        "identity.scopes": ["a", "b"],
        "identity.capability": "sell",
        "identity.outcome": "attached",
        "identity.invocation.id": invocation.id.decode(),
        "http.request.method": "GET",
        "url.path": "/to/api/x",
    }


def test_templates_are_of_one_principal_route_and_capability(out: Out) -> None:
    alice, bob = out.open("alice")[0], out.open("bob")[0]
    kept = record(out)
    for caller, capability in ((alice, "sell"), (bob, "sell"), (alice, "buy"), (AGENT, "sell"), (None, "sell")):
        kept.attached(Call(TRACE, SPAN, caller=caller), LEG, head(out), capability)
    said = [
        (event["attributes"].get("identity.principal.id"), event["attributes"]["identity.capability"])
        for event in out.journal.events
    ]
    assert said == [
        (alice.principal.id, "sell"),
        (bob.principal.id, "sell"),
        (alice.principal.id, "buy"),
        (None, "sell"),
        (None, "sell"),
    ]
    assert [event["attributes"].get("identity.principal.kind") for event in out.journal.events[3:]] == ["agent", None]


def test_what_nobody_known_asked_for_goes_to_the_strangers(out: Out) -> None:
    record(out).denied(Call(TRACE, SPAN), NotPermitted("no"), head(out))
    record(out).denied(Call(TRACE, SPAN), InvocationMissing("none"), None)
    record(out).denied(None, NotPermitted("no"), None)
    assert not out.journal.events
    assert [event["attributes"]["error.type"] for event in out.journal.strangers] == [
        "not_permitted",
        "invocation_missing",
        "not_permitted",
    ]


def test_a_denial_says_what_came_nearest_and_a_failure_that_it_is_one(out: Out) -> None:
    call = Call(TRACE, SPAN, leg=LEG, caller=AGENT, decision=Decision(None, nearest="sell", failed="groups"))
    record(out).denied(call, NotPermitted("sell: groups"), head(out))
    record(out).denied(call, ProviderUnreachable("down"), head(out))
    denied, failed = (event["attributes"] for event in out.journal.events)
    assert (denied["identity.outcome"], denied["identity.capability"], denied["identity.reason"]) == (
        "denied",
        "sell",
        "sell: groups",
    )
    assert (failed["identity.outcome"], failed["error.type"], failed["http.response.status_code"]) == (
        "failed",
        "provider_unreachable",
        502,
    )


def test_a_denial_that_can_not_be_recorded_stays_one(out: Out, caplog: pytest.LogCaptureFixture) -> None:
    def full(event: bytes) -> None:
        raise AuditUnavailable("full")

    out.journal.record = full  # type: ignore[method-assign]  # a journal that is full
    record(out).denied(Call(TRACE, SPAN, caller=AGENT), NotPermitted("no"), None)
    assert "could not be recorded" in caplog.text
    with pytest.raises(AuditUnavailable):
        record(out).attached(Call(TRACE, SPAN, caller=AGENT), LEG, head(out), "sell")


def test_past_all_routes_the_host_is_recorded(out: Out) -> None:
    record(out).passed(Call(TRACE, SPAN, caller=AGENT, host="elsewhere.example.com"), head(out))
    (event,) = out.journal.events
    assert event["attributes"]["server.address"] == "elsewhere.example.com"
    assert event["attributes"]["identity.outcome"] == "passed"


def test_no_path_in_an_event_holds_a_handle(out: Out) -> None:
    handle = b"ih_" + b"x" * 43
    record(out).denied(Call(TRACE, SPAN), NotPermitted("no"), head(out, b"/to/" + handle))
    assert handle.decode() not in str(out.journal.strangers)


def test_where_traces_are_exported_a_call_is_a_span_below_its_invocations(out: Out) -> None:
    ended: list[Ended] = []
    kept = Record(out.journal, lambda _: {"identity.principal.id": "p"}, lambda: 9, lambda: 0, ended.append)
    assert kept.exports
    assert not record(out).exports
    invocation, _ = out.open()
    call = Call(TRACE, SPAN, leg=LEG, caller=invocation, began=7)
    call.joins(invocation)
    kept.ended(call, b"GET", b"/to/api/x", 200)
    record(out).ended(call, b"GET", b"/to/api/x", 200)
    (span,) = ended
    assert span.trace == (invocation.trace_id, SPAN, invocation.id, b"01")
    assert (span.start_ns, span.end_ns, span.status, span.outward) == (7, 9, 200, True)
    assert span.attributes["identity.route"] == "api"
    assert span.attributes["identity.principal.id"] == "p"


def test_a_call_whose_agent_says_the_right_trace_keeps_the_agents_span(out: Out) -> None:
    invocation, _ = out.open()
    call = Call(invocation.trace_id, SPAN, b"b7ad6b7169203331", b"00")
    call.joins(invocation)
    assert (call.parent, call.flags) == (b"b7ad6b7169203331", b"00")


def test_where_the_route_names_no_scopes_those_of_the_capability_are_recorded(out: Out) -> None:
    bare = Leg.of(Route("bare", "https://api.example.com", "token"))
    kept = record(out)
    for scopes in (frozenset({"read"}), frozenset({"read", "write"})):
        call = Call(TRACE, SPAN, leg=bare, caller=AGENT, decision=Decision("sell", scopes))
        kept.attached(call, bare, head(out), "sell")
    assert [event["attributes"]["identity.scopes"] for event in out.journal.events] == [["read"], ["read", "write"]]
