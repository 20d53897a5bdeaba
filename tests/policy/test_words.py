"""Conditions and capabilities as people read them."""

import pytest

from sidecar.policy import words
from sidecar.policy.capability import Capability, Who


def among(*names: str) -> frozenset[str]:
    return frozenset(names)


SALES = Who(principal=False, groups=among("sales"))


@pytest.mark.parametrize(
    ("who", "said"),
    [
        (Who(), "anybody"),
        (Who(principal=False), "the agent, whoever it works for"),
        (SALES, "group sales"),
        (Who(principal=False, issuer=among("okta"), groups=among("b", "a")), "issuer okta and one of the groups a, b"),
        (Who(principal=False, claims={"plan": among("gold")}), "claim plan gold"),
        (Who(principal=False, claims={"plan": among("gold", "blue")}), "claim plan one of blue, gold"),
        (
            Who(principal=False, any_of=(SALES, Who(principal=False, kind=among("user"), roles=among("r")))),
            "(group sales or (kind user and role r))",
        ),
        (Who(principal=False, issuer=among("okta"), none_of=(SALES,)), "issuer okta and not group sales"),
        (Who(principal=False, all_of=(SALES, Who())), "group sales and anybody"),
    ],
)
def test_a_condition_is_said_in_plain_words(who: Who, said: str) -> None:
    assert words.who(who) == said


@pytest.mark.parametrize(
    ("capability", "said"),
    [
        (Capability("c", Who(), routes=among("b", "a")), ["routes a, b"]),
        (
            Capability("c", Who(), routes=among("a"), methods=among("GET"), paths=("/v1/",)),
            ["route a (GET /v1/)"],
        ),
        (Capability("c", Who(), provider="google"), ["credential of google"]),
        (
            Capability("c", Who(), provider="google", scopes=among("x", "w"), routes=among("a")),
            ["route a", "credential of google: w, x"],
        ),
        (
            Capability("c", Who(), tools=among("t/a"), arguments={"to": among("x", "y")}),
            ["tool t/a (to x or y)"],
        ),
    ],
)
def test_what_a_capability_opens_is_said_one_thing_each(capability: Capability, said: list[str]) -> None:
    assert [*words.opens(capability)] == said


def test_what_somebody_has_may_be_nothing() -> None:
    assert (words.has("groups", ()), words.has("groups", {"b", "a"})) == ("no group", "a, b")
