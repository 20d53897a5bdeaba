"""What an audit log says of who did what."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.events import Attribute, Name
from sidecar.policy.traffic import AGENT, Person, Thing, traffic
from tests.fuzzing import examples


def event(name: str, who: str | None = "h_alice", **said: Any) -> dict[str, Any]:
    """An event; names of attributes by the members of ``Attribute``."""
    attributes: dict[str, Any] = {getattr(Attribute, key.upper()): value for key, value in said.items()}
    if who == AGENT:
        attributes[Attribute.PRINCIPAL_KIND] = AGENT
    elif who is not None:
        issuer: dict[str, Any] = {Attribute.PRINCIPAL_ISSUER: "okta", Attribute.PRINCIPAL_KIND: "user"}
        attributes = {Attribute.PRINCIPAL_ID: who, **issuer, **attributes}
    return {"seq": 1, "name": name, "attributes": attributes}


def opened(who: str, *groups: str, issuer: str = "okta", kind: str = "user") -> dict[str, Any]:
    found = event(Name.INIT, who, principal_issuer=issuer, principal_kind=kind)
    found["attributes"]["identity.principal.groups"] = [*groups]
    return found


def attached(who: str, route: str, **said: Any) -> dict[str, Any]:
    return event(Name.CREDENTIAL_ATTACHED, who, route=route, outcome="attached", **said)


def refused(who: str, route: str, error: str = "not_permitted") -> dict[str, Any]:
    return event(Name.EGRESS_DENIED, who, route=route, outcome="denied", error=error)


def test_a_call_that_left_is_its_principals() -> None:
    found = traffic(
        [opened("h_alice", "sales"), attached("h_alice", "crm", capability="read"), attached(AGENT, "model")]
    )
    assert found.people == {"h_alice": Person("h_alice", "okta", "user", frozenset({"sales"}), None)}
    assert found.uses[Thing("routes", "crm")].did == {"h_alice"}
    assert found.uses[Thing("routes", "crm")].capabilities == {"read"}
    assert found.uses[Thing("routes", "model")].did == {AGENT}
    assert found.events == 2


@pytest.mark.parametrize(
    ("code", "did", "kept_out"),
    [
        ("not_permitted", set(), {"h_alice"}),
        ("consent_required", {"h_alice"}, set()),
        ("timeout", set(), set()),
        ("provider_unreachable", set(), set()),
    ],
)
def test_only_what_a_capability_could_mend_is_a_refusal(code: str, did: set[str], kept_out: set[str]) -> None:
    use = traffic([refused("h_alice", "crm", code)]).uses[Thing("routes", "crm")]
    assert (use.did, use.refused) == (did, kept_out)


def test_a_credential_is_one_thing_for_each_scope() -> None:
    said = [
        event(Name.TOKEN_VENDED, provider="google", scopes=["a", "b"]),
        event(Name.TOKEN_VENDED, AGENT, provider="cloud", scopes=[]),
        event(Name.EGRESS_DENIED, "h_bob", provider="google", scopes=["b"], error="not_permitted"),
    ]
    uses = traffic(said).uses
    assert [*sorted(uses)] == [Thing("credential", "cloud"), *(Thing("credential", "google", scope) for scope in "ab")]
    assert uses[Thing("credential", "google", "b")].refused == {"h_bob"}


def test_a_tool_is_what_its_server_is_called_for() -> None:
    said = [
        attached("h_alice", "travel"),
        event(Name.TOOL_CALLED, tool="travel/book", capability="book"),
        event(Name.TOOL_DENIED, "h_bob", tool="travel/book", error="tool_denied"),
    ]
    (thing,) = traffic(said, {"travel"}).uses
    assert thing == Thing("tools", "travel/book")
    use = traffic(said, {"travel"}).uses[thing]
    assert (use.did, use.refused, use.capabilities) == ({"h_alice"}, {"h_bob"}, {"book"})


def test_what_only_the_shadow_mode_let_through_counts_as_done() -> None:
    use = traffic([event(Name.CREDENTIAL_ATTACHED, route="crm", outcome="shadowed", capability="near")]).uses[
        Thing("routes", "crm")
    ]
    assert (use.did, use.shadowed, use.capabilities) == ({"h_alice"}, True, set())


def test_lists_that_were_cut_are_not_known() -> None:
    assert traffic([opened("h_alice", *map(str, range(64)))]).people["h_alice"].groups is None


def test_what_strangers_did_is_nobodys() -> None:
    said = event(Name.EGRESS_DENIED, None, route="crm", principal_kind="user", error="not_permitted")
    assert not traffic([said, {"name": Name.INIT}, {"name": Name.INIT, "attributes": 7}]).uses


_JSON = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.text(max_size=5), max_size=3)


@examples(200)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "name": st.sampled_from([*Name]) | _JSON,
                "attributes": st.dictionaries(st.sampled_from([*Attribute]), _JSON),
            }
        ),
        max_size=5,
    )
)
def test_whatever_a_log_holds_it_is_read(events: list[dict[str, Any]]) -> None:
    assert traffic(events).events <= len(events)
