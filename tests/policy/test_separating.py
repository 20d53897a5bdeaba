"""Conditions that tell some people from others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.policy.separating import Condition, meets, separate
from sidecar.policy.traffic import Person
from tests.fuzzing import examples


def person(name: str, *groups: str, issuer: str = "okta", kind: str = "user", roles: str = "") -> Person:
    return Person(name, issuer, kind, frozenset(groups), frozenset(roles.split()))


ALICE, AMY = person("alice", "sales", "everyone"), person("amy", "sales", "hr", "everyone")
BOB = person("bob", "eng", "everyone")
ERIN = person("erin", "sales", issuer="entra")
JOB = person("job", kind="service", roles="writer")
UNKNOWN = Person("unknown", "okta", "user", None, None)


@pytest.mark.parametrize(
    ("some", "others", "condition"),
    [
        ([ALICE, BOB], [], {}),
        ([ALICE, AMY], [BOB], {"groups": ["sales"]}),
        ([ALICE], [ERIN], {"issuer": ["okta"]}),
        ([ALICE, BOB], [JOB], {"kind": ["user"]}),
        ([ALICE, AMY], [BOB, ERIN], {"issuer": ["okta"], "groups": ["sales"]}),
        ([ALICE, AMY], [UNKNOWN], {"groups": ["everyone"]}),
        ([AMY], [ALICE], {"groups": ["hr"]}),
        ([AMY, BOB], [ALICE], {"groups": ["eng", "hr"]}),
        ([JOB], [person("other", kind="service")], {"roles": ["writer"]}),
    ],
)
def test_the_weakest_that_keeps_the_others_out_is_found(
    some: list[Person], others: list[Person], condition: Condition
) -> None:
    found = separate(some, others, [*some, *others])
    assert (found.condition, found.besides) == (condition, 0)


def test_where_nothing_tells_them_apart_as_few_as_can_be_come_in() -> None:
    twin = person("twin", "sales", "everyone")
    found = separate([ALICE], [twin, BOB], [ALICE, twin, BOB])
    assert (found.condition, found.besides) == ({"groups": ["sales"]}, 1)


def test_nobody_is_anybody() -> None:
    assert separate([], [], []).condition == {}


_PEOPLE = st.lists(
    st.builds(
        Person,
        st.uuids().map(str),
        st.sampled_from(["okta", "entra"]),
        st.sampled_from(["user", "service"]),
        st.none() | st.frozensets(st.sampled_from("abcd")),
        st.none() | st.frozensets(st.sampled_from("xy")),
    ),
    max_size=6,
)


@examples(300)
@given(_PEOPLE, _PEOPLE)
def test_all_who_did_it_meet_it_and_whoever_else_does_is_counted(some: list[Person], others: list[Person]) -> None:
    found = separate(some, others, [*some, *others])
    assert all(meets(found.condition, each) for each in some)
    assert sum(meets(found.condition, each) for each in others) == found.besides
