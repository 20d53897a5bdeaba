"""Whether anybody can meet a condition: what is said to be impossible, nobody can; what anybody meets isn't."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.identity.principal import Kind, Principal
from sidecar.policy.capability import Who
from sidecar.policy.possible import Source, both, hindrance

USERS = frozenset({"user", "service"})
OKTA = Source("okta", USERS, frozenset(), roles=False)
STAFF = Source("staff", USERS, frozenset({"t1", "t2"}), frozenset({"app"}))
NIGHTLY = Source("nightly", frozenset({"workflow"}), frozenset(), groups=False, roles=False)
ALL = (OKTA, STAFF, NIGHTLY)


def who(**keys: Any) -> Who:
    def value(given: Any) -> Any:
        return frozenset({given} if isinstance(given, str) else given)

    nested = {name: given for name, given in keys.items() if name in ("any_of", "all_of", "none_of")}
    claims = {path: value(given) for path, given in keys.pop("claims", {}).items()}
    sets = {name: value(given) for name, given in keys.items() if name not in nested}
    return Who(principal=False, claims=claims, **nested, **sets)


@pytest.mark.parametrize(
    "condition",
    [
        Who(),
        Who(principal=False),
        who(groups="a"),
        who(groups="a", kind="user"),
        who(issuer="staff", tenant="t1", client="app", roles="r"),
        who(groups=["a", "b"], none_of=(who(groups="a"),)),
        who(groups="a", all_of=(who(groups="b"),)),
        who(any_of=(who(issuer="okta", kind="workflow"), who(issuer="nightly", kind="workflow"))),
        who(issuer="nightly", none_of=(who(groups="a"),)),
        who(none_of=(who(issuer="okta", groups="a"),), groups="a"),
        who(claims={"c": ["x", "y"]}, none_of=(who(claims={"c": "x"}),)),
        who(claims={"c": "x"}, all_of=(who(claims={"c": "y"}),)),
        who(none_of=(who(subject="s"),)),
        who(any_of=(Who(principal=False), who(kind="robot"))),
    ],
)
def test_what_somebody_can_meet_is_possible(condition: Who) -> None:
    assert hindrance(condition, ALL) is None


@pytest.mark.parametrize(
    ("condition", "key"),
    [
        (who(issuer="nightly", groups="a"), "groups"),
        (who(issuer=["okta", "nightly"], roles="r"), "roles"),
        (who(issuer="okta", kind="workflow"), "kind"),
        (who(issuer="nightly", kind="user"), "kind"),
        (who(issuer="okta", tenant="t1"), "tenant"),
        (who(issuer="staff", tenant="t3"), "tenant"),
        (who(tenant="t3"), "tenant"),
        (who(issuer="staff", client="other"), "client"),
        (who(issuer="planner"), "issuer"),
        (who(issuer="staff", all_of=(who(issuer="okta"),)), ""),
        (who(groups="a", none_of=(who(groups="a"),)), ""),
        (who(groups=["a", "b"], none_of=(who(groups="a"), who(groups="b"))), ""),
        (who(kind="user", none_of=(who(kind=["user", "service"]),)), ""),
        (who(subject="a", all_of=(who(subject="b"),)), ""),
        (who(claims={"c": "x"}, none_of=(who(claims={"c": "x"}),)), ""),
        (who(any_of=(who(issuer="okta", kind="workflow"), who(issuer="nightly", groups="a"))), "groups"),
        (who(issuer="nightly", kind="user", groups="a"), ""),
        (who(none_of=(Who(principal=False),)), ""),
        (who(all_of=(Who(),), none_of=(Who(),)), ""),
        (who(issuer="nightly", any_of=(who(groups="a"), who(groups="b"))), "groups"),
    ],
)
def test_what_nobody_can_meet_is_told_with_the_key_to_blame(condition: Who, key: str) -> None:
    assert hindrance(condition, ALL) == key


def test_without_any_issuer_there_is_nobody() -> None:
    assert hindrance(Who(), ()) == ""
    assert hindrance(Who(principal=False), ()) is None


def test_both_is_what_meets_the_one_and_the_other() -> None:
    staff, others = who(groups="staff"), who(none_of=(who(groups="staff"),))
    assert hindrance(both(staff, who(groups="sales")), ALL) is None
    assert hindrance(both(staff, others), ALL) == ""


def test_what_takes_too_long_to_find_out_is_possible() -> None:
    pairs = tuple(who(any_of=(who(groups=f"{n}"), who(roles=f"{n}"))) for n in range(24))
    nobody = who(groups="a", none_of=(who(groups="a"),))
    assert hindrance(Who(principal=False, all_of=(*pairs, nobody)), (STAFF,)) is None


_VALUES = st.frozensets(st.sampled_from("ab"), min_size=1)
_LEAVES = st.builds(
    lambda **keys: Who(principal=False, **{name: given for name, given in keys.items() if given is not None}),
    groups=st.none() | _VALUES,
    roles=st.none() | _VALUES,
    subject=st.none() | _VALUES,
    tenant=st.none() | _VALUES,
    kind=st.none() | st.frozensets(st.sampled_from([*Kind]), min_size=1),
)
_WHOS = st.recursive(
    _LEAVES | st.just(Who()) | st.just(Who(principal=False)),
    lambda inner: st.builds(
        lambda any_of, all_of, none_of: Who(principal=False, any_of=any_of, all_of=all_of, none_of=none_of),
        *[st.lists(inner, max_size=2).map(tuple)] * 3,
    ),
    max_leaves=6,
)
_SOURCES = st.builds(
    Source,
    st.just("own"),
    st.frozensets(st.sampled_from([*Kind]), min_size=1).map(lambda kinds: frozenset(map(str, kinds))),
    st.none() | st.frozensets(st.sampled_from("ab")),
    groups=st.booleans(),
    roles=st.booleans(),
)


def everybody(source: Source) -> list[Principal]:
    """All principals of *source* who differ in what the conditions above may name."""
    some = [frozenset(), frozenset("a"), frozenset("b"), frozenset("ab")]
    tenants = "abc" if source.tenants is None else source.tenants or {""}
    return [
        Principal("https://id", tenant, subject, "own", Kind(kind), groups=groups, roles=roles)
        for tenant in tenants
        for subject in "abc"
        for kind in sorted(source.kinds)
        for groups in (some if source.groups else some[:1])
        for roles in (some if source.roles else some[:1])
    ]


@settings(max_examples=200, deadline=None)
@given(_WHOS, _SOURCES)
def test_it_is_possible_exactly_where_somebody_meets_it(condition: Who, source: Source) -> None:
    met = condition.met(None) or any(condition.met(principal) for principal in everybody(source))
    assert (hindrance(condition, (source,)) is None) == met
