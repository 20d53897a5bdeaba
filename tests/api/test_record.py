"""What is recorded of the identity API, and where."""

from typing import Any

import pytest

from sidecar.api import record
from sidecar.api.asked import Asked
from sidecar.errors import InvocationInvalid, NotPermitted, ProviderUnreachable, Refusal, RouteUnknown
from sidecar.invocation.caller import AGENT
from sidecar.policy.decision import Decision
from tests.api.around import Around, provider

TRACE, SPAN = b"4bf92f3577b34da6a3ce929d0e0e4736", b"00f067aa0ba902b7"
HANDLE = "ih_" + "A" * 43


@pytest.fixture
def around() -> Around:
    return Around()


def asked(around: Around, **more: Any) -> Asked:
    usual = {"method": "POST", "path": b"/v1/token", "query": "", "fields": (), "body": HANDLE.encode()}
    return Asked(around.surroundings, **{**usual, **more}, trace_id=TRACE, span_id=SPAN)


@pytest.mark.parametrize("refusal", [InvocationInvalid(), RouteUnknown()])
def test_a_stranger_cannot_fill_the_journal(around: Around, refusal: Refusal) -> None:
    record.denied(asked(around), refusal)
    assert around.journal.events == []
    (event,) = around.journal.rejected
    assert (event["name"], event["trace_id"], event["span_id"]) == (
        "identity.egress_denied",
        TRACE.decode(),
        SPAN.decode(),
    )
    assert not [name for name in event["attributes"] if name.startswith("identity.principal")]


def test_one_who_was_known_and_then_was_not_is_a_stranger(around: Around) -> None:
    invocation, _ = around.open()
    record.denied(asked(around, caller=invocation), InvocationInvalid("it ended"))
    assert (len(around.journal.events), len(around.journal.rejected)) == (0, 1)


@pytest.mark.parametrize(
    ("refusal", "outcome"), [(NotPermitted("for a reason"), "denied"), (ProviderUnreachable("for a reason"), "failed")]
)
def test_a_denial_says_who_asked_for_what_and_what_came_nearest(around: Around, refusal: Refusal, outcome: str) -> None:
    record.denied(
        asked(
            around,
            caller=AGENT,
            provider=provider("google", "google"),
            scopes=frozenset({"b", "a"}),
            decision=Decision(None, nearest="nearly", failed="scopes"),
        ),
        refusal,
    )
    (event,) = around.journal.events
    assert event["attributes"] == {
        "identity.principal.kind": "agent",
        "identity.provider": "google",
        "identity.outcome": outcome,
        "error.type": refusal.code,
        "identity.reason": "for a reason",
        "http.response.status_code": refusal.status,
        "identity.scopes": ["a", "b"],
        "identity.capability": "nearly",
        "http.request.method": "POST",
        "url.path": "/v1/token",
    }


def test_what_the_shadow_mode_lets_through_is_no_capabilitys(around: Around) -> None:
    decided = [Decision("may"), Decision(None, nearest="nearly", failed="scopes", shadow=True)]
    decided += [Decision(None, shadow=True), Decision("may")]
    for decision in decided:
        record.vended(asked(around, caller=AGENT, decision=decision), frozenset())
    said = [event["attributes"] for event in around.journal.events]
    assert [each["identity.outcome"] for each in said] == ["vended", "shadowed", "shadowed", "vended"]
    assert [each.get("identity.capability") for each in said] == ["may", None, None, "may"]
    assert [each.get("identity.reason") for each in said] == [None, decided[1].why, decided[2].why, None]


def test_no_event_holds_what_looks_like_a_handle(around: Around) -> None:
    invocation, _ = around.open()
    strange = asked(around, caller=invocation, method="G\x00T ", path=f"/v1/{HANDLE}/a@b".encode(), query=HANDLE)
    record.denied(strange, NotPermitted())
    record.principal_read(strange)
    record.vended(strange, frozenset({"a"}))
    assert len(around.journal.events) == 3
    assert HANDLE not in str(around.journal.events)
    assert around.journal.events[0]["attributes"]["url.path"] == "/v1/{credential}/{email}"
