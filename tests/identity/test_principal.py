"""A principal's key is the same everywhere, and nobody else's."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.identity.principal import Kind, Principal


def principal(
    issuer_url: str = "https://a.example", tenant: str = "", subject: str = "alice", **rest: object
) -> Principal:
    return Principal(issuer_url, tenant, subject, issuer="a", kind=Kind.USER, **rest)  # type: ignore[arg-type]  # each test names its own


def test_the_id_is_the_documented_digest() -> None:
    digest = hashlib.sha256(b"https://a.example\0t1\0alice").digest()
    expected = "p_" + base64.b32encode(digest).decode().lower()[:32]
    assert principal(tenant="t1").id == expected
    assert expected == "p_" + expected[2:].lower()
    assert len(expected) == 34


def test_the_configured_name_and_what_can_change_are_no_part_of_the_id() -> None:
    one = principal(name="Alice", email="a@a.example", groups=frozenset({"x"}), client="app")
    other = Principal("https://a.example", "", "alice", issuer="renamed", kind=Kind.SERVICE)
    assert one.id == other.id == principal().id


@pytest.mark.parametrize(
    "other",
    [
        principal(subject="bob"),
        principal(tenant="t"),
        principal(issuer_url="https://b.example"),
        principal(subject="Alice"),
    ],
)
def test_every_part_of_the_key_counts(other: Principal) -> None:
    assert other.id != principal().id


_part = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5)


@given(_part, _part, _part, _part, _part, _part)
def test_ids_are_equal_only_for_equal_keys(a: str, b: str, c: str, x: str, y: str, z: str) -> None:
    assert (principal(a, b, c).id == principal(x, y, z).id) == ((a, b, c) == (x, y, z))


def test_claims_are_kept_and_not_printed() -> None:
    one = principal(claims={"pin": "1234"})
    assert one.claims["pin"] == "1234"
    assert "1234" not in repr(one)


def test_it_rests_on_its_issuer_and_on_the_sidecar_that_speaks_for_it() -> None:
    assert principal().rests_on({"a", "b"})
    assert not principal().rests_on({"b"})
    spoken = principal(actors=("planner",), via="planner")
    assert spoken.rests_on({"a"})
    assert spoken.rests_on({"planner"})
    assert not spoken.rests_on({"writer"})


def test_who_is_spoken_for_is_the_same_and_not_the_same() -> None:
    """The key is the user's; what is remembered of the one who came alone must not hold for the other."""
    spoken = principal(actors=("planner",), via="planner")
    assert spoken.id == principal().id
    assert spoken != principal()
