"""Who may: every condition's truth table, and the law that what isn't known lets nobody in."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.identity.principal import Kind, Principal
from sidecar.policy.capability import Capability, Who, listed, narrowed

ALICE = Principal(
    issuer_url="https://id.example.com",
    tenant="acme",
    subject="alice",
    issuer="okta",
    kind=Kind.USER,
    client="web",
    groups=frozenset({"sales", "staff"}),
    roles=frozenset({"admin"}),
    scopes=frozenset({"read", "write"}),
    claims={"department": "east", "flags": ["beta", 7], "nested": {"plan": "gold"}, "verified": True},
)
OVERAGE = replace(ALICE, groups=None)
"""Somebody of whom the issuer says that there are groups, and not which."""
ANY = Who()
AGENT = Who(principal=False)


def who(**conditions: Any) -> Who:
    return Who(principal=False, **conditions)


def among(*names: str) -> frozenset[str]:
    return frozenset(names)


MET = [
    ANY,
    AGENT,
    who(issuer=among("okta", "entra")),
    who(subject=among("alice")),
    who(kind=among("user", "service")),
    who(tenant=among("acme")),
    who(client=among("web")),
    who(groups=among("sales", "nobody")),
    who(roles=among("admin")),
    who(scopes=among("write", "delete")),
    who(claims={"department": among("east", "west")}),
    who(claims={"flags": among("beta")}),
    who(claims={"flags": among("7")}),
    who(claims={"nested/plan": among("gold")}),
    who(claims={"verified": among("true")}),
    who(issuer=among("okta"), groups=among("sales"), claims={"department": among("east"), "verified": among("true")}),
    who(any_of=(who(groups=among("nobody")), who(groups=among("staff")))),
    who(all_of=(who(groups=among("sales")), who(groups=among("staff")))),
    who(none_of=(who(groups=among("guests")),)),
    who(none_of=(who(none_of=(who(groups=among("sales")),)),)),
    who(any_of=(AGENT, who(groups=among("nobody")))),
]


@pytest.mark.parametrize("condition", MET)
def test_a_condition_that_holds_is_met(condition: Who) -> None:
    assert condition.unmet(ALICE) is None


UNMET = [
    (who(issuer=among("entra", "auth0")), "issuer: none of auth0, entra"),
    (who(subject=among("bob")), "subject: none of those named"),
    (who(kind=among("workflow")), "kind: none of workflow"),
    (who(tenant=among("other")), "tenant: none of other"),
    (who(client=among("mobile")), "client: none of mobile"),
    (who(groups=among("guests")), "groups: none of guests"),
    (who(groups=frozenset()), "groups: none of "),
    (who(roles=among("owner")), "roles: none of owner"),
    (who(scopes=among("delete")), "scopes: none of delete"),
    (who(claims={"department": among("west")}), "claims.department: none of west"),
    (who(claims={"flags": among("7.0")}), "claims.flags: none of 7.0"),
    (who(claims={"missing": among("None")}), "claims.missing: none of None"),
    (who(groups=among("sales"), roles=among("owner")), "roles: none of owner"),
    (who(any_of=(who(groups=among("a")), who(groups=among("b")))), "any: none holds"),
    (who(all_of=(who(groups=among("sales")), who(groups=among("b")))), "all[1].groups: none of b"),
    (who(none_of=(who(groups=among("a")), who(groups=among("sales")))), "not[1]: it holds"),
]


@pytest.mark.parametrize(("condition", "says"), UNMET, ids=[says for _, says in UNMET])
def test_a_condition_that_fails_is_named(condition: Who, says: str) -> None:
    assert condition.unmet(ALICE) == says


def test_what_is_unmet_is_said_without_anything_of_the_principal() -> None:
    for condition, _ in UNMET:
        said = condition.unmet(ALICE) or ""
        assert not any(word in said for word in ("alice", "acme", "id.example.com", "east", "gold", "web"))


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        (who(groups=among("sales")), "groups: it cannot be told"),
        (who(none_of=(who(groups=among("sales")),)), "not[0]: it cannot be told"),
        (who(all_of=(who(groups=among("sales")),)), "all[0].groups: it cannot be told"),
        (who(any_of=(who(groups=among("sales")), who(roles=among("no")))), "any: it cannot be told"),
        (who(none_of=(who(none_of=(who(groups=among("sales")),)),)), "not[0]: it cannot be told"),
    ],
)
def test_unknown_groups_satisfy_neither_a_condition_nor_its_negation(condition: Who, says: str) -> None:
    assert condition.unmet(OVERAGE) == says


def test_unknown_groups_spoil_nothing_that_does_not_rest_on_them() -> None:
    either = who(any_of=(who(groups=among("sales")), who(roles=among("admin"))))
    assert either.unmet(OVERAGE) is None
    assert who(roles=among("admin"), none_of=(who(roles=among("owner")),)).unmet(OVERAGE) is None


def test_a_principal_without_a_client_is_known_to_have_none() -> None:
    without = replace(ALICE, client=None)
    assert who(client=among("web")).unmet(without) == "client: none of web"
    assert who(none_of=(who(client=among("web")),)).unmet(without) is None


def test_nobody_meets_nothing_but_what_is_the_agents() -> None:
    assert AGENT.unmet(None) is None
    assert ANY.unmet(None) == "principal: there is none"
    assert who(any_of=(AGENT, ANY)).unmet(None) is None
    for condition in MET:
        if condition != AGENT and AGENT not in condition.any_of:
            assert condition.unmet(None) is not None
    assert who(none_of=(who(kind=among("service")),)).unmet(None) == "not[0]: it cannot be told"


def test_the_default_asks_for_a_principal() -> None:
    assert Who(groups=among("sales")).unmet(None) == "principal: there is none"


TRUE, FALSE, UNKNOWN = who(roles=among("admin")), who(roles=among("no")), who(groups=among("sales"))
TRUTH = {True: TRUE, False: FALSE, None: UNKNOWN}


def truth(condition: Who) -> bool | None:
    """By what is met, and what its negation says."""
    if condition.unmet(OVERAGE) is None:
        return True
    return False if who(none_of=(condition,)).unmet(OVERAGE) is None else None


@pytest.mark.parametrize(("one", "other"), [*product(TRUTH, TRUTH)])
def test_all_any_and_not_are_kleenes(one: bool | None, other: bool | None) -> None:
    both = (TRUTH[one], TRUTH[other])
    given_values = (one, other)
    every = False if False in given_values else None if None in given_values else True
    some = True if True in given_values else None if None in given_values else False
    assert truth(who(all_of=both)) is every
    assert truth(who(any_of=both)) is some
    assert truth(who(none_of=both)) is (None if some is None else not some)


names = st.sampled_from(["sales", "staff", "guests", "admin", "owner", "okta", "entra", "user", "service", "alice"])
sets = st.frozensets(names, min_size=1, max_size=2)
leaves = st.builds(
    who,
    issuer=st.none() | sets,
    kind=st.none() | sets,
    groups=st.none() | sets,
    roles=st.none() | sets,
    subject=st.none() | sets,
)
conditions = st.recursive(
    leaves,
    lambda inner: st.builds(
        who,
        any_of=st.lists(inner, max_size=2).map(tuple),
        all_of=st.lists(inner, max_size=2).map(tuple),
        none_of=st.lists(inner, max_size=2).map(tuple),
    ),
    max_leaves=6,
)
principals = st.builds(
    lambda groups, roles: replace(ALICE, groups=groups, roles=roles),
    st.none() | st.frozensets(names),
    st.frozensets(names),
)


@settings(deadline=None)
@given(conditions, principals)
def test_a_double_negation_says_the_same(condition: Who, principal: Principal) -> None:
    twice = who(none_of=(who(none_of=(condition,)),))
    assert (twice.unmet(principal) is None) == (condition.unmet(principal) is None)


@settings(deadline=None)
@given(conditions, principals)
def test_a_condition_and_its_negation_never_both_hold(condition: Who, principal: Principal) -> None:
    assert condition.unmet(principal) is not None or who(none_of=(condition,)).unmet(principal) is not None


@settings(deadline=None)
@given(conditions, st.frozensets(names))
def test_what_holds_with_unknown_groups_holds_with_every_known_ones(condition: Who, groups: frozenset[str]) -> None:
    if condition.unmet(OVERAGE) is None:
        assert condition.unmet(replace(ALICE, groups=groups)) is None


@settings(deadline=None)
@given(conditions)
def test_a_condition_on_groups_never_holds_while_they_are_unknown(condition: Who) -> None:
    assert who(groups=among("sales"), all_of=(condition,)).unmet(OVERAGE) is not None


def test_groups_and_roles_are_collected_from_every_depth() -> None:
    nested = who(
        groups=among("a"),
        roles=among("r"),
        any_of=(who(groups=among("b")), who(all_of=(who(groups=among("c"), roles=among("s")),))),
        none_of=(who(groups=among("d")),),
    )
    assert nested.groups_named() == among("a", "b", "c", "d")
    assert nested.roles_named() == among("r", "s")


def test_of_whom_another_agent_speaks_a_claim_that_did_not_come_along_can_not_be_told() -> None:
    """Nobody is let in for what their token may have said, and nobody for what it may not."""
    spoken = replace(ALICE, actors=("planner",), via="planner", claims={"act": {"sub": "planner"}})
    left = who(claims={"department": among("east")})
    assert left.unmet(spoken) == "claims.department: it cannot be told"
    assert who(none_of=(left,)).unmet(spoken) == "not[0]: it cannot be told"
    assert who(none_of=(left,)).unmet(replace(spoken, actors=())) is None
    for claims in ({"act/sub": among("planner")}, {"act/sub": among("planner", "writer")}):
        assert who(claims=claims).unmet(spoken) is None
    other = who(claims={"act/sub": among("writer")})
    assert other.unmet(spoken) == "claims.act/sub: none of writer"
    assert who(none_of=(other,)).unmet(spoken) is None
    asked = who(claims={"act/sub": among("planner"), "department": among("east")})
    assert asked.unmet(narrowed(spoken, asked.claims_named())) == "claims.department: it cannot be told"


def test_claims_are_collected_from_every_depth() -> None:
    def about(*paths: str) -> Who:
        return who(claims={path: among("x") for path in paths})

    nested = replace(
        about("a", "b/c"),
        any_of=(about("d"), who(all_of=(about("e"),))),
        none_of=(about("f"), who(none_of=(about("a", "g"),))),
    )
    assert nested.claims_named() == among("a", "b/c", "d", "e", "f", "g")
    assert who(groups=among("a")).claims_named() == among()


def test_a_principal_is_narrowed_to_the_claims_that_are_named() -> None:
    claims = {"a": 1, "b": {"c": 2, "d": 3}, "x/y": 4, "x": {"y": 5}, "none": None, "none/e": 6, "email": "a@b.example"}
    whole = replace(ALICE, claims=claims)
    narrow = narrowed(whole, among("a", "b/c", "x/y", "none/e", "missing", "a/deeper"))
    assert narrow.claims == {"a": 1, "b/c": 2, "x/y": 4, "none/e": 6, "missing": None, "a/deeper": None}
    assert (narrow, narrow.id, narrow.groups) == (whole, whole.id, whole.groups)
    assert narrowed(whole, ()).claims == {}


paths = st.sampled_from(["a", "b", "a/b", "b/a", "a/b/a", "a/a"])
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.sampled_from(["x", "y", True, 7]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "b", "a/b"]), inner, max_size=2),
    max_leaves=4,
)


@settings(deadline=None)
@given(st.dictionaries(paths, values, max_size=4), st.dictionaries(paths, st.frozensets(st.sampled_from(["x", "7"]))))
def test_narrowed_a_principal_meets_the_same_conditions(
    claims: dict[str, Any], asked: dict[str, frozenset[str]]
) -> None:
    whole = replace(ALICE, claims=claims)
    condition = who(claims=asked)
    assert condition.unmet(narrowed(whole, condition.claims_named())) == condition.unmet(whole)


@settings(deadline=None)
@given(conditions, principals | st.none())
def test_a_condition_is_met_where_nothing_of_it_is_unmet(condition: Who, principal: Principal | None) -> None:
    unmet = [*condition.all_unmet(principal)]
    assert condition.met(principal) is (unmet == [])
    assert condition.unmet(principal) == (unmet[0] if unmet else None)


def test_everything_that_is_unmet_is_said_in_order() -> None:
    condition = who(groups=among("x"), issuer=among("okta"), roles=among("y"), all_of=(who(kind=among("service")),))
    assert [*condition.all_unmet(ALICE)] == ["groups: none of x", "roles: none of y", "all[0].kind: none of service"]


def test_names_are_listed_in_order_the_first_few_of_them_and_no_emails() -> None:
    assert listed(among("b", "a")) == "a, b"
    assert listed(among()) == ""
    assert listed([str(number) for number in range(8)]) == "0, 1, 2, 3, 4, 5, 6, 7"
    assert listed([str(number) for number in range(9)]) == "0, 1, 2, 3, 4, 5, 6, 7 and 1 more"
    assert listed(among("a", "eng@acme.example")) == "those named"
    assert who(groups=among("eng@acme.example")).unmet(ALICE) == "groups: none of those named"


def test_a_capability_restricts_nothing_unless_it_says_so() -> None:
    capability = Capability("think", AGENT)
    assert (capability.methods, capability.paths) == (None, None)
    assert not capability.scopes | capability.routes | capability.tools
