"""What a sidecar says of a principal to the next agent, and that the next one reads the same principal from it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import NotPermitted, Refusal
from sidecar.identity import call
from sidecar.identity import token as jwt
from sidecar.identity.idps import Common, issuer
from sidecar.identity.issuer import TokenUse, by_url, introduced
from sidecar.identity.principal import Kind, Principal
from tests.fuzzing import examples
from tests.keyring.agents import AGENT, NOW, OKTA, PLANNER, STAFF, TENANT, Agents, person

HEADER = {"typ": call.TYP}


@pytest.fixture(scope="module")
def agents() -> Agents:
    return Agents()


def made(principal: Principal, *actors: str, agent: str = "planner") -> dict[str, Any]:
    return call.assertion(principal, issuer=PLANNER, audience=AGENT, agent=agent, actors=actors, jti="j", now=NOW + 0.5)


def read(agents: Agents, claims: dict[str, Any]) -> Principal:
    return call.principal(HEADER, claims, agents.issuers()["planner"])


def test_an_assertion_says_who_and_by_whom_and_for_whom() -> None:
    assert made(person(), "desk", "portal") == {
        "iss": PLANNER,
        "aud": AGENT,
        "sub": person().id,
        "iat": int(NOW),
        "exp": int(NOW) + 30,
        "jti": "j",
        "act": {"sub": "planner", "act": {"sub": "desk", "act": {"sub": "portal"}}},
        "principal": {
            "issuer": OKTA,
            "subject": "alice",
            "kind": "user",
            "client": "app",
            "roles": ["buyer"],
            "scopes": ["read"],
            "groups": ["Domain Admins", "sales"],
        },
    }


def test_names_and_addresses_are_not_told() -> None:
    text = json.dumps(made(person(name="Alice Liddell", email="alice@example.com", claims={"phone": "555"})))
    assert "Liddell" not in text
    assert "@" not in text
    assert "555" not in text


def test_the_next_agent_reads_the_same_principal(agents: Agents) -> None:
    alice = person()
    found = read(agents, made(alice, "desk"))
    assert found.id == alice.id
    for name in ("issuer_url", "tenant", "subject", "kind", "client", "groups", "roles", "scopes"):
        assert getattr(found, name) == getattr(alice, name)
    assert found.issuer == "okta"
    assert (found.via, found.actors) == ("planner", ("planner", "desk"))
    assert (found.name, found.email) == (None, None)
    assert found.claims.keys() == {"act", "principal"}


def test_the_chain_goes_on(agents: Agents) -> None:
    here = read(agents, made(person(), "desk"))
    there = call.assertion(
        here, issuer="https://t.example", audience="next", agent=AGENT, actors=here.actors, jti="k", now=NOW
    )
    assert there["act"] == {"sub": AGENT, "act": {"sub": "planner", "act": {"sub": "desk"}}}
    assert there["principal"]["issuer"] == OKTA
    assert there["sub"] == person().id


def test_a_principal_of_a_tenant_stays_in_it(agents: Agents) -> None:
    carol = person(issuer_url=STAFF.format(TENANT), tenant=TENANT, subject="oid", groups=None)
    found = read(agents, made(carol))
    assert (found.tenant, found.issuer, found.groups, found.id) == (TENANT, "staff", None, carol.id)


def test_at_most_eight_agents_act_one_for_the_other(agents: Agents) -> None:
    assert len(read(agents, made(person(), *map(str, range(7)))).actors) == 8
    with pytest.raises(NotPermitted) as refused:
        made(person(), *map(str, range(8)))
    assert "at most 8" in refused.value.detail


def test_groups_that_do_not_fit_are_unknown_and_nothing_else_is_left_out(agents: Agents) -> None:
    many = frozenset(f"group-{number:04}" for number in range(400))
    claims = made(person(groups=many))
    assert claims["principal"]["groups_unknown"] is True
    assert "groups" not in claims["principal"]
    assert read(agents, claims).groups is None
    assert read(agents, claims).roles == {"buyer"}


@pytest.mark.parametrize("name", ["roles", "scopes"])
def test_of_whom_too_much_is_known_is_not_spoken_for(name: str) -> None:
    with pytest.raises(NotPermitted) as refused:
        made(person(**{name: frozenset(f"name-{number:04}" for number in range(500))}))
    assert "fewer roles and scopes" in refused.value.detail


_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40).filter(
    lambda text: text == text.strip()
)
_SETS = st.frozensets(_TEXT, max_size=5)


@given(
    principal=st.builds(
        person,
        subject=_TEXT,
        tenant=_TEXT | st.just(""),
        kind=st.sampled_from(Kind),
        client=_TEXT | st.none(),
        groups=_SETS | st.none(),
        roles=_SETS,
        scopes=_SETS,
    ),
    actors=st.lists(_TEXT, max_size=7),
)
@examples(200)
def test_whoever_is_spoken_for_comes_out_as_the_same(agents: Agents, principal: Principal, actors: list[str]) -> None:
    claims = json.loads(json.dumps(made(principal, *actors)))
    found = read(agents, claims)
    assert found.id == principal.id
    assert found.actors == ("planner", *actors)
    assert (found.groups, found.roles, found.scopes, found.client) == (
        principal.groups,
        principal.roles,
        principal.scopes,
        principal.client,
    )


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["sub", "act", "issuer"]), inner),
    max_leaves=8,
)


@given(changes=st.dictionaries(st.sampled_from(sorted(made(person()))), _JSON, min_size=1))
@examples(300)
def test_whatever_is_changed_it_is_refused_or_still_alice(agents: Agents, changes: dict[str, Any]) -> None:
    try:
        found = read(agents, made(person()) | changes)
    except Refusal:
        return
    assert found.id == person().id
    assert 1 <= len(found.actors) <= call.MOST_ACTORS


def test_whom_nobody_was_introduced_to_speaks_for_nobody() -> None:
    alone = issuer("planner", "sidecar", {"url": PLANNER, "issuers": ("okta",)}, Common())
    with pytest.raises(Refusal) as refused:
        call.principal(HEADER, made(person()), alone)
    assert refused.value.code == "audience_invalid"
    with pytest.raises(Refusal) as refused:
        call.principal(HEADER, made(person()), introduced({"planner": alone}, AGENT)["planner"])
    assert refused.value.code == "issuer_unknown"


def test_a_sidecar_that_is_taken_for_an_ordinary_issuer_lets_nobody_in(agents: Agents) -> None:
    """Its assertion is no access token: ``typ`` says so to every validator of RFC 9068."""
    for use in (TokenUse.ACCESS, TokenUse.ANY):
        plain = issuer("planner", "oidc", {"issuer": PLANNER, "audience": (AGENT,)}, Common(token_use=use))
        parsed = jwt.unverified(agents.token())
        with pytest.raises(Refusal) as refused:
            jwt.verify(parsed, jwt.select(parsed, by_url([plain])), agents.planner.key(), NOW)
        assert refused.value.code == "token_kind_invalid"


def test_a_configured_kind_is_that_of_everyone_it_speaks_for(agents: Agents) -> None:
    one = agents.issuers(kind=Kind.WORKFLOW)["planner"]
    assert call.principal(HEADER, made(person()), one).kind is Kind.WORKFLOW
