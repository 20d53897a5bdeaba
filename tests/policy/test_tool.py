"""Names of tools, and the patterns for them."""

import pytest

from sidecar.policy.tool import ALL, NONE, Likeness, by_place, names, place, union, wild


@pytest.mark.parametrize(
    ("pattern", "fits", "others"),
    [
        ("list", ["list"], ["List", "list ", "lists", "", "l\u0131st"]),
        ("list_*", ["list_", "list_events", "list_\n", "list_a/b"], ["list", "xlist_", "LIST_a"]),
        ("*_list", ["_list", "a_list"], ["list", "a_list_"]),
        ("a*b*c", ["abc", "a.b.c", "aXbYc"], ["ab", "acb"]),
        ("*", ["x", "", "a/b", "\n"], []),
        ("a.b", ["a.b"], ["axb"]),
        ("a[b]*", ["a[b]", "a[b]c"], ["ab"]),
    ],
)
def test_a_star_stands_for_any_characters_and_nothing_else_for_another(
    pattern: str, fits: list[str], others: list[str]
) -> None:
    found = names([pattern])
    assert all(name in found for name in fits)
    assert not any(name in found for name in others)
    both = union([NONE, names(["other"]), found])
    assert all(name in both for name in [*fits, "other"])


def test_several_are_each_of_them() -> None:
    found = names(["a", "b*", "*c"])
    assert [name in found for name in ("a", "b", "bx", "xc", "ax")] == [True, True, True, True, False]
    assert union([found, ALL]) is ALL
    assert union([]) is NONE
    assert "x" not in NONE


def test_the_place_is_what_stands_before_the_first_slash() -> None:
    assert [place(tool) for tool in ("travel/list", "travel/a/b", "list")] == ["travel", "travel", "list"]
    assert by_place(["travel/a", "travel/b/*", "desk/a"]) == {"travel": {"a", "b/*"}, "desk": {"a"}}
    assert (wild("travel/*"), wild("travel/a")) == (True, False)


def test_tools_are_alike_where_the_same_patterns_of_their_place_fit() -> None:
    alike = Likeness(["travel/list_*", "travel/list_events", "desk/list_*"])
    assert alike.of("travel/list_a") == alike.of("travel/list_b")
    assert alike.of("travel/x") == alike.of("travel/y")
    different = ["travel/list_a", "travel/list_events", "travel/x", "desk/list_a", "desk/x", "other/list_a", "travel/"]
    assert len({alike.of(tool) for tool in different}) == len(different)


def test_what_is_remembered_of_tools_is_bounded() -> None:
    alike = Likeness(["travel/list_*"])
    alike.MOST_REMEMBERED = 3
    for number in range(10):
        assert alike.of(f"travel/list_{number}") == alike.of("travel/list_x")
        assert len(alike._remembered) <= 3
