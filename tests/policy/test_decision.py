"""What is wanted, where it wasn't said; and what is said."""

import pytest

from sidecar.policy.decision import Access, Act, Decision


@pytest.mark.parametrize(
    ("access", "wanted", "place"),
    [
        (Access(None), Act.CREDENTIAL, None),
        (Access(None, provider="google"), Act.CREDENTIAL, None),
        (Access(None, "calendar"), Act.CALL, "calendar"),
        (Access(None, "travel", act=Act.CONVERSE), Act.CONVERSE, "travel"),
        (Access(None, act=Act.TOOL, tool="travel/a/b"), Act.TOOL, "travel"),
        (Access(None, "calendar", act=Act.TOOL, tool="travel/x"), Act.TOOL, "travel"),
        (Access(None, act=Act.ENTER), Act.ENTER, None),
    ],
)
def test_what_is_wanted_shows_even_where_it_was_not_said(access: Access, wanted: Act, place: str | None) -> None:
    assert (access.wanted, access.place) == (wanted, place)


def test_a_decision_says_whether_and_why_not() -> None:
    assert Decision("c").allowed
    assert not Decision(None).allowed
    assert Decision(None, shadow=True).allowed
    assert Decision(None).why == "no capability allows it"
    assert Decision(None, nearest="c", failed="who.groups: none of sales").why == "c: who.groups: none of sales"
