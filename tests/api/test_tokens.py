"""A provider's secret itself, where it may be handed out."""

from typing import Any

import pytest

from sidecar.errors import AuditUnavailable, NotPermitted, ProviderUnreachable, RateLimited
from sidecar.oauth.credential import Ask
from sidecar.policy.capability import Capability, Who
from sidecar.policy.declared import Declared
from tests.api.around import AGENT, ALICE, BOB, NOW, Around, provider

TOKEN, KEY = ("POST", "/v1/token"), ("POST", "/v1/api-key")
AS_AGENT = AGENT.decode()


def attributes(event: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = event["attributes"]
    return found


async def test_a_token_is_handed_out_with_the_scopes_asked_for_and_recorded_before(around: Around) -> None:
    invocation, handle = around.open()
    said = await around.ask(*TOKEN, handle, {"provider": "granting", "scopes": ["b", "a", "b"]})
    assert said.json() == {
        "access_token": "token-1",
        "token_type": "Bearer",
        "expires_at": int(NOW + 3600.9),
        "scopes": ["a", "b"],
    }
    (event,) = around.journal.events
    assert (event["name"], event["trace_id"]) == ("identity.token_vended", invocation.trace_id.decode())
    assert attributes(event)["identity.provider"] == "granting"
    assert attributes(event)["identity.scopes"] == ["a", "b"]
    assert attributes(event)["identity.capability"] == "use-granting"
    assert attributes(event)["identity.invocation.id"] == invocation.id.decode()
    assert "token-1" not in str(around.journal.events)
    (ask,) = around.granting.asks
    assert (ask.principal, ask.scopes, ask.invocation) == (ALICE, frozenset({"a", "b"}), invocation.id)
    assert (ask.trace_id, ask.force) == (invocation.trace_id, False)


async def test_the_agent_has_tokens_of_what_acts_as_it(around: Around) -> None:
    said = await around.ask(*TOKEN, AS_AGENT, {"provider": "granting", "scopes": ["a"]})
    assert said.json()["access_token"] == "token-1"
    assert around.granting.asks[0].principal is None
    assert attributes(around.journal.events[0])["identity.principal.kind"] == "agent"
    said = await around.ask(*TOKEN, AS_AGENT, {"provider": "people"})
    assert said.refused() == (403, "not_permitted")
    assert "handle of the invocation" in said.problem()["detail"]
    assert len(around.granting.asks) == 1


async def test_a_token_that_is_held_is_had_at_once_unless_it_is_known_to_be_bad(around: Around) -> None:
    around.granting.held = True
    for force in (False, True):
        await around.ask(*TOKEN, AS_AGENT, {"provider": "granting", "force": force})
    assert [ask.force for ask in around.granting.asks] == [False, True]


async def test_a_token_that_never_ends_has_no_end(around: Around) -> None:
    said = (await around.ask(*TOKEN, AS_AGENT, {"provider": "bearer"})).json()
    assert said == {"access_token": "the-token", "token_type": "Bearer", "expires_at": None, "scopes": []}


async def test_a_key_is_handed_out_by_a_call_of_its_own(around: Around) -> None:
    for handle in (AS_AGENT, around.open()[1]):
        assert (await around.ask(*KEY, handle, {"provider": "key"})).json() == {"api_key": "the-key"}
    assert {event["name"] for event in around.journal.events} == {"identity.token_vended"}
    assert "the-key" not in str(around.journal.events)


@pytest.mark.parametrize(
    ("call", "kind", "instead"),
    [
        (TOKEN, "api_key", "/v1/api-key"),
        (TOKEN, "aws", "/v1/aws/credentials"),
        (KEY, "aws", "/v1/aws/credentials"),
        (KEY, "bearer", "/v1/token"),
        (KEY, "oauth2", "/v1/token"),
    ],
)
async def test_another_types_secret_is_asked_for_elsewhere(
    around: Around, call: tuple[str, str], kind: str, instead: str
) -> None:
    around.having(provider("other", kind))
    said = await around.ask(*call, AS_AGENT, {"provider": "other"})
    assert said.refused() == (400, "bad_request")
    assert instead in said.problem()["detail"]


@pytest.mark.parametrize("call", [TOKEN, KEY])
async def test_what_is_attach_only_is_said_to_be(around: Around, call: tuple[str, str]) -> None:
    around.having(provider("kept", "api_key", hand_out=False))
    _, handle = around.open()
    said = await around.ask(*call, handle, {"provider": "kept"})
    assert said.refused() == (403, "not_permitted")
    assert "attach-only" in said.problem()["detail"]
    (event,) = around.journal.events
    assert (event["name"], attributes(event)["identity.provider"]) == ("identity.egress_denied", "kept")


async def test_a_provider_that_there_is_not_is_unknown(around: Around) -> None:
    _, handle = around.open()
    assert (await around.ask(*TOKEN, handle, {"provider": "nobody"})).refused() == (404, "provider_unknown")


# what a capability allows


async def test_nothing_declared_nothing_handed_out(around: Around) -> None:
    around.allowing()
    _, handle = around.open()
    said = await around.ask(*TOKEN, handle, {"provider": "granting", "scopes": ["a"]})
    assert said.refused() == (403, "not_permitted")
    assert around.granting.asks == []


async def test_what_was_failed_goes_to_the_record_and_to_the_agent_only_where_that_is_wanted(around: Around) -> None:
    sales = Capability("sell", Who(groups=frozenset({"sales"})), provider="granting", scopes=frozenset({"a"}))
    around.allowing(sell=sales)
    _, alice = around.open()
    _, bob = around.open(BOB)
    wanted = {"provider": "granting", "scopes": ["a"]}
    assert (await around.ask(*TOKEN, alice, wanted)).status == 200
    said = await around.ask(*TOKEN, bob, wanted)
    assert said.refused() == (403, "not_permitted")
    assert "sell" not in said.body.decode()
    denied = attributes(around.journal.events[-1])
    assert (denied["identity.capability"], denied["error.type"]) == ("sell", "not_permitted")
    assert "groups" in denied["identity.reason"]
    assert denied["identity.scopes"] == ["a"]
    around.change(explains=True)
    assert "sell: who.groups" in (await around.ask(*TOKEN, bob, wanted)).problem()["detail"]
    assert (await around.ask(*TOKEN, alice, {"provider": "granting", "scopes": ["b"]})).status == 403


async def test_who_agent_holds_whoever_the_agent_works_for(around: Around) -> None:
    around.allowing(mine=Capability("mine", Who(principal=False), provider="bearer"))
    for handle in (AS_AGENT, around.open()[1]):
        assert (await around.ask(*TOKEN, handle, {"provider": "bearer"})).status == 200
    around.allowing(users=Capability("users", Who(), provider="bearer"))
    assert (await around.ask(*TOKEN, AS_AGENT, {"provider": "bearer"})).status == 403


async def test_what_is_granted_beyond_takes_a_capability_too(around: Around) -> None:
    around.granting.beyond = frozenset({"b"})
    said = await around.ask(*TOKEN, AS_AGENT, {"provider": "granting", "scopes": ["a"]})
    assert said.json()["scopes"] == ["a", "b"]
    around.granting.beyond = frozenset({"admin"})
    said = await around.ask(*TOKEN, AS_AGENT, {"provider": "granting", "scopes": ["a"]})
    assert said.refused() == (403, "not_permitted")
    assert "scopes: more than a, b" in attributes(around.journal.events[-1])["identity.reason"]


async def test_without_scopes_those_are_asked_for_that_capabilities_allow(around: Around) -> None:
    around.allowing(
        any=Capability("any", Who(principal=False), provider="granting"),
        read=Capability("read", Who(principal=False), provider="granting", scopes=frozenset({"read"})),
        sell=Capability("sell", Who(groups=frozenset({"sales"})), provider="granting", scopes=frozenset({"sell"})),
    )
    _, alice = around.open()
    for handle, scopes in ((AS_AGENT, ["read"]), (alice, ["read", "sell"])):
        for wanted in ({"provider": "granting"}, {"provider": "granting", "scopes": []}):
            assert (await around.ask(*TOKEN, handle, wanted)).json()["scopes"] == scopes
            assert around.granting.asks[-1].scopes == frozenset(scopes)
            assert attributes(around.journal.events[-1])["identity.scopes"] == scopes
    around.granting.beyond = frozenset({"admin"})
    assert (await around.ask(*TOKEN, AS_AGENT, {"provider": "granting"})).refused() == (403, "not_permitted")


async def test_a_reload_is_in_force_with_the_next_request(around: Around) -> None:
    assert (await around.ask(*TOKEN, AS_AGENT, {"provider": "bearer"})).status == 200
    around.change(policy=Declared(()))
    assert (await around.ask(*TOKEN, AS_AGENT, {"provider": "bearer"})).status == 403


# what goes wrong


async def test_a_providers_refusal_is_passed_on_and_recorded(around: Around) -> None:
    for fault, status in ((ProviderUnreachable("down"), 502), (RateLimited("slow", retry_after=7), 429)):
        around.granting.fault = fault
        said = await around.ask(*TOKEN, AS_AGENT, {"provider": "granting"})
        assert said.refused() == (status, fault.code)
        assert said.headers.get("retry-after") == ("7" if status == 429 else None)
        assert attributes(around.journal.events[-1])["error.type"] == fault.code


async def test_what_ended_meanwhile_gets_nothing(around: Around) -> None:
    invocation, handle = around.open()
    around.granting.meanwhile = lambda: around.invocations.end_all(lambda principal: principal == invocation.principal)
    said = await around.ask(*TOKEN, handle, {"provider": "granting"})
    assert said.refused() == (401, "invocation_invalid")


async def test_nothing_is_handed_out_that_cannot_be_recorded(around: Around) -> None:
    around.journal.fault = AuditUnavailable("full")
    said = await around.ask(*TOKEN, AS_AGENT, {"provider": "bearer"})
    assert said.refused() == (503, "audit_unavailable")
    assert "the-token" not in said.body.decode()


async def test_a_signature_is_no_token(around: Around) -> None:
    class Signing:
        fills: frozenset[bytes] = frozenset()
        parameter = b""

        def ready(self, ask: Ask) -> Any:
            return self

        async def obtain(self, ask: Ask) -> Any:
            return self

        def close(self) -> None: ...

    around.having(provider("granting", "oauth2"), source=Signing())
    assert (await around.ask(*TOKEN, AS_AGENT, {"provider": "granting"})).refused() == (403, NotPermitted.code)


async def test_scopes_are_asked_for_by_either_of_their_names(around: Around) -> None:
    of_google = "https://www.googleapis.com/auth/calendar.readonly"
    around.allowing(look=Capability("look", Who(), provider="people", scopes=frozenset({of_google})))
    for name in ("calendar.readonly", of_google):
        said = await around.ask(*TOKEN, around.open()[1], {"provider": "people", "scopes": [name]})
        assert said.json()["scopes"] == [of_google]
    said = await around.ask(*TOKEN, around.open()[1], {"provider": "people", "scopes": ["calendar"]})
    assert said.refused() == (403, "not_permitted")
