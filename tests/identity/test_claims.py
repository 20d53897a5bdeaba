"""Claims are read as they are: nothing is split, trimmed or turned into another type for convenience."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import ClaimMissing, TokenMalformed
from sidecar.identity.claims import find, groups, holds, identifier, instant, names, needed, text


@pytest.mark.parametrize(
    ("claims", "path", "value"),
    [
        ({"a": 1}, "a", 1),
        ({"a": {"b": 1}}, "a/b", 1),
        ({"a": {"b": {"c": 1}}}, "a/b/c", 1),
        ({"a/b": 1, "a": {"b": 2}}, "a/b", 1),
        ({"https://acme.example/roles": ["x"]}, "https://acme.example/roles", ["x"]),
        ({"kubernetes.io": {"namespace": "n"}}, "kubernetes.io/namespace", "n"),
        ({"cognito:groups": ["x"]}, "cognito:groups", ["x"]),
        ({"a": None}, "a", None),
        ({"a": 1}, "b", None),
        ({"a": 1}, "a/b", None),
        ({"a": [1]}, "a/0", None),
        ({"a": {"b": 1}}, "a/b/c", None),
        ({"a": {"b": 1}}, "a//b", None),
        ({"": 1}, "", 1),
        ({}, "", None),
    ],
)
def test_a_path_is_a_name_or_else_steps(claims: dict[str, Any], path: str, value: Any) -> None:
    assert find(claims, path) == value


@pytest.mark.parametrize("value", ["a", "a b", "a" * 255, "é", "😀", "a\u200bb", "a|b:c/d"])
def test_an_identifier_is_taken_whole(value: str) -> None:
    assert identifier({"sub": value}, "sub") == value
    assert needed({"sub": value}, "sub") == value


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        " a",
        "a ",
        "a\u2003",
        "a" * 256,
        "a\0",
        "a\x1f",
        "a\x7f",
        "a\x9f",
        "\ud800",
        1,
        1.5,
        True,
        [],
        ["a"],
        {},
    ],
)
def test_what_no_key_can_be_made_of_is_malformed(value: Any) -> None:
    with pytest.raises(TokenMalformed):
        identifier({"sub": value}, "sub")


def test_an_identifier_that_is_not_there_is_none_or_missing() -> None:
    assert identifier({}, "sub") is None
    assert identifier({"sub": None}, "sub") is None
    with pytest.raises(ClaimMissing):
        needed({}, "sub")


@pytest.mark.parametrize(("value", "shown"), [("A", "A"), ("", None), (1, None), (["A"], None), (None, None)])
def test_a_text_for_display_is_a_text_or_nothing(value: Any, shown: str | None) -> None:
    assert text({"name": value}, "name") == shown
    assert text({"name": value}, None) is None


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({}, set()),
        ({"groups": "Domain Admins"}, {"Domain Admins"}),
        ({"groups": ["a", "b"], "more": "c"}, {"a", "b", "c"}),
        ({"groups": ["", "a"]}, {"a"}),
        ({"groups": "a", "_claim_names": {"groups": "s"}}, None),
        ({"groups": "a", "_claim_names": {"more": "s"}}, None),
        ({"groups": "a", "_claim_names": {"other": "s"}}, {"a"}),
        ({"groups": "a", "_claim_names": []}, {"a"}),
        ({"hasgroups": True}, None),
        ({"hasgroups": "true"}, None),
        ({"hasgroups": False}, set()),
        ({"groups": [1]}, None),
        ({"groups": {"a": "b"}}, None),
    ],
)
def test_groups_are_known_whole_or_unknown(claims: dict[str, Any], expected: set[str] | None) -> None:
    assert groups(claims, ("groups", "more")) == expected


def test_a_list_of_names_is_split_only_where_a_separator_is_given() -> None:
    assert names({"scope": "a b"}, ["scope"], " ") == {"a", "b"}
    assert names({"scope": " a  b "}, ["scope"], " ") == {"a", "b"}
    assert names({"scope": "a\tb"}, ["scope"], " ") == {"a\tb"}
    assert names({"scope": ["a b"]}, ["scope"], " ") == {"a b"}
    assert names({"roles": "a b"}, ["roles"]) == {"a b"}


@pytest.mark.parametrize("value", [1, True, {"a": 1}, [1], ["a", None], [["a"]]])
def test_a_list_of_anything_else_is_malformed(value: Any) -> None:
    with pytest.raises(TokenMalformed):
        names({"roles": value}, ["roles"])


@pytest.mark.parametrize(
    ("value", "allowed", "held"),
    [
        ("a", {"a", "b"}, True),
        ("A", {"a"}, False),
        ("a b", {"a"}, False),
        (["x", "a"], {"a"}, True),
        ([], {"a"}, False),
        ([["a"]], {"a"}, False),
        ({"a": 1}, {"a"}, False),
        (None, {"None", "null", ""}, False),
        (True, {"true"}, True),
        (False, {"false"}, True),
        (True, {"True", "1"}, False),
        (7, {"7"}, True),
        (7.0, {"7", "7.0"}, False),
    ],
)
def test_a_required_claim_has_one_of_the_values(value: Any, allowed: set[str], held: bool) -> None:
    assert holds({"x": value}, "x", frozenset(allowed)) is held


@pytest.mark.parametrize(("value", "seconds"), [(0, 0.0), (1.5, 1.5), (253402300799, 253402300799.0), (None, None)])
def test_a_point_in_time_is_a_number_of_seconds(value: Any, seconds: float | None) -> None:
    assert instant({"exp": value}, "exp") == seconds


@pytest.mark.parametrize("value", [True, "1", -1, 253402300800, float("inf"), 10**400, -(10**400), [], {}])
def test_anything_else_is_no_point_in_time(value: Any) -> None:
    with pytest.raises(TokenMalformed):
        instant({"exp": value}, "exp")


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["a", "b", "a/b"]), _json), st.sampled_from(["a", "b", "a/b", "a/b/c", "/"]))
def test_any_claims_are_read_or_refused(claims: dict[str, Any], path: str) -> None:
    found = find(claims, path)
    for read in (identifier, needed):
        try:
            assert read(claims, path) == found
        except (TokenMalformed, ClaimMissing):
            assert (
                not isinstance(found, str)
                or not 0 < len(found) <= 255
                or found.strip() != found
                or not found.isprintable()
            )
    holds(claims, path, frozenset({"a"}))
    known = groups(claims, [path])
    assert known is None or isinstance(found, str | list) or found is None
