"""Capabilities for what was seen: as few as go, for those who did it, and not for whom it was refused."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sidecar.events import Name
from sidecar.policy.proposal import document, propose
from sidecar.policy.traffic import AGENT, traffic
from tests.fuzzing import examples
from tests.policy.test_traffic import attached, event, opened, refused

SALES = [opened("h_alice", "sales", "everyone"), opened("h_amy", "sales", "everyone")]
BOB = opened("h_bob", "eng", "everyone")


def proposed(events: Iterable[Mapping[str, Any]], *serving: str) -> dict[str, Any]:
    """What a configuration that the proposals were pasted into would hold."""
    text = "\n".join(document(propose(traffic(events, serving))))
    return yaml.safe_load(text)["capabilities"] or {}


def test_nothing_seen_proposes_nothing() -> None:
    assert proposed([]) == {}


def test_who_may_is_whom_it_was_not_refused() -> None:
    events = [
        *SALES,
        BOB,
        attached("h_alice", "crm", capability="sell"),
        attached("h_amy", "crm", capability="sell"),
        refused("h_bob", "crm"),
        attached("h_bob", "weather", capability="look"),
        attached("h_amy", "weather", capability="look"),
        attached(AGENT, "model", capability="think"),
    ]
    assert proposed(events) == {
        "sell": {"who": {"groups": ["sales"]}, "routes": ["crm"]},
        "look": {"who": "any", "routes": ["weather"]},
        "think": {"who": "agent", "routes": ["model"]},
    }


def test_of_the_shadow_mode_all_who_did_not_do_it_are_kept_out() -> None:
    shadowed = [event(Name.CREDENTIAL_ATTACHED, who, route="crm", outcome="shadowed") for who in ("h_alice", "h_amy")]
    assert proposed([*SALES, BOB, *shadowed]) == {"crm-sales": {"who": {"groups": ["sales"]}, "routes": ["crm"]}}


def test_a_group_goes_with_its_issuer_where_there_are_several() -> None:
    erin = opened("h_erin", "sales", issuer="entra")
    events = [*SALES, BOB, erin, attached("h_alice", "crm"), attached("h_amy", "crm"), refused("h_erin", "crm")]
    assert proposed(events) == {"crm-okta": {"who": {"issuer": "okta"}, "routes": ["crm"]}}
    events.append(refused("h_bob", "crm"))
    assert proposed(events) == {"crm-sales": {"who": {"issuer": "okta", "groups": ["sales"]}, "routes": ["crm"]}}


def test_what_the_same_people_do_is_one_capability() -> None:
    events = [
        *SALES,
        attached("h_alice", "calendar", provider="google", scopes=["read"]),
        event(Name.TOKEN_VENDED, "h_alice", provider="google", scopes=["write"]),
        attached("h_alice", "travel"),
        event(Name.TOOL_CALLED, "h_alice", tool="travel/list"),
        attached("h_alice", "weather"),
    ]
    assert proposed(events, "travel") == {
        "calendar": {
            "who": "any",
            "provider": "google",
            "scopes": ["read", "write"],
            "routes": ["calendar", "weather"],
            "tools": ["travel/list"],
        }
    }


def test_what_needs_different_providers_is_several() -> None:
    events = [
        *SALES,
        attached("h_alice", "calendar", provider="google", scopes=["read"]),
        attached("h_alice", "code", provider="github", scopes=["repo"]),
        attached("h_alice", "crm", provider="crm"),  # without scopes no provider has to be named
    ]
    assert proposed(events) == {
        "calendar": {"who": "any", "provider": "google", "scopes": ["read"], "routes": ["calendar"]},
        "code": {"who": "any", "provider": "github", "scopes": ["repo"], "routes": ["code"]},
        "crm": {"who": "any", "routes": ["crm"]},
    }


def test_a_tool_whose_server_takes_scopes_needs_them() -> None:
    said = event(Name.TOOL_CALLED, "h_alice", tool="travel/list", provider="google", scopes=["read"])
    assert proposed([*SALES, said], "travel") == {
        "travel-list": {"who": "any", "provider": "google", "scopes": ["read"], "tools": ["travel/list"]}
    }


def test_a_key_that_is_handed_out_needs_its_provider_alone() -> None:
    assert proposed([event(Name.TOKEN_VENDED, AGENT, provider="cloud")]) == {
        "cloud-agent": {"who": "agent", "provider": "cloud"}
    }


def test_whom_nothing_tells_apart_is_said_above_it() -> None:
    twin = opened("h_twin", "sales", "everyone")
    found = [*document(propose(traffic([*SALES, twin, attached("h_alice", "crm"), refused("h_twin", "crm")])))]
    assert found[1] == "  # 1 call by 1 principal"
    assert found[2].startswith("  # 1 principal was refused some of it, and nothing in the record tells")


def test_whatever_a_group_is_called_the_text_is_yaml_of_the_same() -> None:
    odd = "no: [it] {isn't} #1 \"\\ é"
    events = [opened("h_alice", odd, "no"), BOB, attached("h_alice", "crm"), refused("h_bob", "crm")]
    (capability,) = proposed(events).values()
    assert capability["who"]["groups"] in ([odd], ["no"])


def test_much_of_it_stands_on_lines_of_its_own() -> None:
    events = [attached("h_alice", f"a-rather-long-name-of-a-route-{number}") for number in range(5)]
    lines = [*document(propose(traffic([*SALES, *events])))]
    assert lines[2].endswith(":")
    assert lines[3] == "    who: any"


_ROUTES = st.sampled_from(["a", "b", "c"])
_WHO = st.sampled_from(["h_1", "h_2", "h_3", AGENT])
_EVENTS = st.lists(
    st.builds(attached, _WHO, _ROUTES)
    | st.builds(refused, _WHO, _ROUTES)
    | st.builds(
        lambda who, provider, scopes: event(Name.TOKEN_VENDED, who, provider=provider, scopes=scopes),
        _WHO,
        st.sampled_from(["p", "q"]),
        st.lists(st.sampled_from("xyz"), unique=True),
    )
    | st.builds(lambda who, tool: event(Name.TOOL_CALLED, who, tool=tool), _WHO, st.sampled_from(["t/a", "t/b"])),
    max_size=12,
)


@examples(150)
@given(_EVENTS, st.lists(st.lists(st.sampled_from("gh"), unique=True), min_size=3, max_size=3), st.randoms())
def test_everything_seen_is_covered_and_the_same_log_gives_the_same(
    events: list[dict[str, Any]], groups: list[list[str]], order: Any
) -> None:
    people = [opened(f"h_{number}", *names) for number, names in enumerate(groups, 1)]
    said = [*people, *events]
    found = propose(traffic(said))
    for thing, use in traffic(said).uses.items():
        opens = [
            each
            for each in found
            if thing.name in each.routes | each.tools
            or (thing.sort == "credential" and each.provider == thing.name and {thing.scope} - {""} <= each.scopes)
        ]
        assert bool(opens) == bool(use.did)
        assert use.did <= set().union(*(each.principals for each in opens))
    shuffled = [*events]
    order.shuffle(shuffled)
    assert [*document(propose(traffic([*people, *shuffled])))] == [*document(found)]


@pytest.mark.parametrize("name", ["yes", "1", "a b", "~"])
def test_texts_that_yaml_takes_for_something_else_are_quoted(name: str) -> None:
    events = [opened("h_alice", name), BOB, attached("h_alice", "crm"), refused("h_bob", "crm")]
    assert proposed(events)[f"crm-{'some' if name == '~' else name.replace(' ', '-')}"]["who"] == {"groups": [name]}
