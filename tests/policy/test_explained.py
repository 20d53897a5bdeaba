"""Why something is denied, so that whoever administers it knows what to change."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.identity.principal import Kind, Principal
from sidecar.policy.capability import Capability, Who
from sidecar.policy.decision import Access, Act, Decision, Toolbox
from sidecar.policy.declared import Declared
from sidecar.policy.explained import Explanation, explain
from sidecar.policy.hours import Hours
from tests.fuzzing import examples

ALICE = Principal(
    "https://id.example.com", "", "alice", "staff", Kind.USER, groups=frozenset({"ops", "eng"}), claims={"plan": "blue"}
)
NOW = 1_790_000_000.0
ANY = Who()


def among(*names: str) -> frozenset[str]:
    return frozenset(names)


def who(**keys: Any) -> Who:
    return Who(principal=False, **keys)


def explained(
    capability: Capability, access: Access, *, enter: Who = ANY, boxes: dict[str, Toolbox] | None = None
) -> Explanation:
    policy = Declared([capability], enter, boxes)
    return explain(policy, policy, enter, access, NOW)


def said(explanation: Explanation) -> list[str]:
    return [failure.words for failure in explanation.failures]


@pytest.mark.parametrize(
    ("condition", "principal", "words"),
    [
        (who(groups=among("sales")), ALICE, "needs group sales; alice has eng, ops"),
        (who(groups=among("sales")), replace(ALICE, groups=frozenset()), "needs group sales; alice has no group"),
        (
            who(groups=among("sales")),
            replace(ALICE, groups=None),
            "needs group sales; which groups alice has, the issuer didn't say",
        ),
        (who(groups=among("sales", "hr")), ALICE, "needs one of the groups hr, sales; alice has eng, ops"),
        (who(roles=among("admin")), ALICE, "needs role admin; alice has no role"),
        (who(scopes=among("chat")), ALICE, "needs scope chat; alice has no scope"),
        (who(issuer=among("okta")), ALICE, "needs issuer okta; alice comes from staff"),
        (who(kind=among("service")), ALICE, "needs kind service; alice is a user"),
        (who(client=among("app")), ALICE, "needs client app; alice has no client"),
        (who(subject=among("bob")), ALICE, "needs subject bob; alice has alice"),
        (who(claims={"plan": among("gold")}), ALICE, 'needs the claim plan gold; alice has "blue"'),
        (who(claims={"a:b": among("c")}), ALICE, "needs the claim a:b c; alice has no such claim"),
        (who(none_of=(who(groups=among("eng")),)), ALICE, "is not for group eng; alice is"),
        (
            who(none_of=(who(groups=among("eng")),)),
            replace(ALICE, groups=None),
            "is not for group eng; whether alice is, cannot be told",
        ),
        (
            who(any_of=(who(groups=among("sales")), who(roles=among("r")))),
            ALICE,
            "needs group sales or role r; alice is none of it",
        ),
        (who(all_of=(who(), who(groups=among("hr")))), ALICE, "needs group hr; alice has eng, ops"),
        (who(groups=among("sales")), None, "needs group sales; the agent calls for itself"),
        (Who(), None, "needs somebody whom the agent works for; the agent calls for itself"),
    ],
)
def test_whom_a_capability_is_for_and_who_asks(condition: Who, principal: Principal | None, words: str) -> None:
    capability = Capability("c", condition, routes=among("r"))
    explanation = explained(capability, Access(principal, "r", method="GET", path="/"))
    assert (explanation.decision.allowed, explanation.decision.nearest) == (False, "c")
    assert said(explanation) == [words]
    assert explanation.failures[0].condition.startswith("who.")
    entering = explained(capability, Access(principal, act=Act.ENTER), enter=condition)
    assert said(entering) == [words]
    assert entering.failures[0].condition.startswith("inbound.who.")


@pytest.mark.parametrize(
    ("keys", "access", "words"),
    [
        ({"routes": among("r")}, Access(ALICE, "q"), "opens r; not q"),
        ({"tools": among("t/a")}, Access(ALICE, "t", act=Act.CALL), "opens no route; not t"),
        ({"tools": among("t/a")}, Access(ALICE, tool="t/b", act=Act.TOOL), "opens the tools t/a; not t/b"),
        (
            {"routes": among("r"), "provider": "google"},
            Access(ALICE, "r", provider="own"),
            "is for the provider google; the route's is own",
        ),
        (
            {"provider": "google", "scopes": among("x")},
            Access(ALICE, provider="google", scopes=among("x", "y")),
            "gives x; y is needed as well",
        ),
        ({"routes": among("r")}, Access(ALICE, provider="own"), "is for no provider; own is asked for"),
        (
            {"provider": "own", "paths": ("/a",)},
            Access(ALICE, provider="own"),
            "allows some methods or paths alone, to which a token that is handed out cannot be held",
        ),
        (
            {"routes": among("r"), "methods": among("GET")},
            Access(ALICE, "r", method="PUT"),
            "allows GET; the call is PUT",
        ),
        (
            {"routes": among("r"), "paths": ("/a/",)},
            Access(ALICE, "r", path="/b"),
            "allows the paths /a/; the call's is /b",
        ),
        (
            {"routes": among("r"), "hours": (Hours.parse("sat-sun 00:00-24:00"),)},
            Access(ALICE, "r"),
            "holds sat,sun 00:00-24:00 UTC; it is Mon 2026-09-21 14:13 UTC",
        ),
        (
            {"tools": among("t/a"), "arguments": {"to": among("x", "y")}},
            Access(ALICE, tool="t/a", act=Act.TOOL, arguments={"to": "z" * 99}),
            f'needs the argument to to be x, y; it is "{"z" * 59}…',
        ),
        (
            {"tools": among("t/a"), "arguments": {"to": among("x")}},
            Access(ALICE, tool="t/a", act=Act.TOOL, arguments={}),
            "needs the argument to to be x; it isn't given",
        ),
    ],
)
def test_what_a_capability_is_for_and_what_is_asked(keys: dict[str, Any], access: Access, words: str) -> None:
    assert said(explained(Capability("c", Who(), **keys), access, boxes={"t": Toolbox()})) == [words]


def test_every_condition_is_told_not_the_first_alone() -> None:
    capability = Capability("c", who(groups=among("sales"), roles=among("r")), routes=among("r"), methods=among("GET"))
    assert said(explained(capability, Access(ALICE, "r", method="PUT"))) == [
        "needs group sales; alice has eng, ops",
        "needs role r; alice has no role",
        "allows GET; the call is PUT",
    ]


def test_what_is_allowed_fails_nothing() -> None:
    explanation = explained(Capability("c", Who(), routes=among("r")), Access(ALICE, "r"))
    assert (explanation.decision.capability, explanation.failures) == ("c", ())


def test_nothing_declared_has_nothing_near() -> None:
    policy = Declared([])
    assert explain(policy, policy, Who(), Access(ALICE, "r"), NOW).failures == ()


class Forbids:
    """A policy of one's own, which forbids what a capability allows."""

    def decide(self, access: Access, now: float) -> Decision:
        return Decision(None, nearest="night.cedar", failed="it forbids this")


def test_what_a_policy_of_ones_own_says_is_told_as_it_is() -> None:
    declared = Declared([Capability("c", Who(), routes=among("r"))])
    policy: Any = Forbids()
    explanation = explain(policy, declared, Who(), Access(ALICE, "r"), NOW)
    assert (explanation.decision.nearest, said(explanation)) == ("night.cedar", ["forbids this"])


_VALUES = st.frozensets(st.sampled_from(["a", "b:c", "d.e", "all[0].x"]), min_size=1, max_size=2)
_KEYS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(["issuer", "subject", "tenant", "client", "groups", "roles", "scopes"], _VALUES),
        "claims": st.dictionaries(st.sampled_from(["x", "x.y: z", "not[0]"]), _VALUES, min_size=1),
    },
)
_WHOS = st.recursive(
    st.just(Who()) | st.just(Who(principal=False)) | _KEYS.map(lambda keys: who(**keys)),
    lambda inner: st.fixed_dictionaries(
        {}, optional=dict.fromkeys(["any_of", "all_of", "none_of"], st.lists(inner, min_size=1, max_size=2).map(tuple))
    ).map(lambda keys: who(**keys)),
    max_leaves=5,
)


@examples(300)
@given(_WHOS, st.sampled_from([ALICE, replace(ALICE, groups=None), None]), st.booleans())
def test_whatever_is_asked_each_condition_that_fails_has_its_words(
    condition: Who, principal: Principal | None, entering: bool
) -> None:
    access = Access(principal, act=Act.ENTER) if entering else Access(principal, "r")
    explanation = explained(Capability("c", condition, routes=among("r")), access, enter=condition)
    assert explanation.decision.allowed == condition.met(principal)
    assert len(explanation.failures) == len([*condition.all_unmet(principal)])
    assert all(failure.words and failure.words != failure.condition for failure in explanation.failures)
