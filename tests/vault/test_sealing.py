import json
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.secret import Secret
from sidecar.vault.grant import At, Grant, Owner, Place
from sidecar.vault.keys import IDS, ROWS, Keys, Wrapper, opened
from sidecar.vault.sealing import Refused, Sealing, _grant, _plain
from sidecar.vault.store import KeyGone, Row
from tests.vault.grants import ALICE, BOB, CALENDAR, grant
from tests.vault.vaults import derived

WRAPPER = Wrapper(derived(b"root"))


def new_keys() -> Keys:
    return opened([WRAPPER.new(IDS, 1), WRAPPER.new(ROWS, 1)], WRAPPER)


SEALING = Sealing(new_keys())
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
SECRETS = st.one_of(st.none(), TEXTS.map(Secret))
TIMES = st.floats(0, 1e11)
PLACES = st.builds(
    Place, st.builds(Owner, TEXTS, TEXTS, TEXTS), st.builds(At, TEXTS, TEXTS, TEXTS), st.frozensets(TEXTS, max_size=5)
)
GRANTS = st.builds(
    Grant,
    place=PLACES,
    account=TEXTS,
    label=TEXTS,
    refresh_token=SECRETS,
    access_token=SECRETS,
    token_type=TEXTS,
    expires=st.none() | TIMES,
    refresh_expires=st.none() | TIMES,
    since=TIMES,
    used=st.none() | TIMES,
    used_by=TEXTS,
    dead=TEXTS,
    version=st.integers(0, (1 << 63) - 1),
)


@given(GRANTS)
def test_what_is_sealed_unseals(one: Grant) -> None:
    row = SEALING.seal(one)

    assert SEALING.unseal(row) == one
    assert SEALING.unseal_intent(SEALING.seal_intent(one)) == one
    assert (row.id, row.owner, row.version) == (SEALING.id(one.place), SEALING.owner(one.place.owner), one.version)


@given(GRANTS, st.data())
@settings(max_examples=300)
def test_whatever_is_changed_is_refused(one: Grant, data: st.DataObject) -> None:
    row = SEALING.seal(one)
    field = data.draw(st.sampled_from(["id", "owner", "sealed", "version"]))
    if field == "version":
        changed = replace(row, version=data.draw(st.integers(-5, 1 << 70).filter(lambda other: other != row.version)))
    else:
        changed = replace(row, **{field: _changed(getattr(row, field), data)})  # type: ignore[arg-type]  # by name

    with pytest.raises(Refused):
        SEALING.unseal(changed)


def _changed(value: bytes, data: st.DataObject) -> bytes:
    """A bit flipped, some bytes cut off at either end or put there."""
    how = data.draw(st.sampled_from(["flip", "cut", "head", "grow"]))
    if how == "cut":
        return value[: data.draw(st.integers(0, len(value) - 1))]
    if how == "head":
        return value[data.draw(st.integers(1, len(value))) :]
    if how == "grow":
        return value + data.draw(st.binary(min_size=1, max_size=64))
    bit = data.draw(st.integers(0, len(value) * 8 - 1))
    flipped = bytearray(value)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)


def test_every_bit_of_a_row_counts() -> None:
    row = SEALING.seal(grant())
    for bit in range(len(row.sealed) * 8):
        flipped = bytearray(row.sealed)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Refused):
            SEALING.unseal(replace(row, sealed=bytes(flipped)))


@given(PLACES, PLACES)
def test_two_places_have_two_ids(one: Place, other: Place) -> None:
    assert (SEALING.id(one) == SEALING.id(other)) == (one == other)
    assert (SEALING.owner(one.owner) == SEALING.owner(other.owner)) == (one.owner == other.owner)


NEAR = [
    Place(ALICE, CALENDAR, frozenset({"a", "b"})),
    Place(BOB, CALENDAR, frozenset({"a", "b"})),
    Place(ALICE, CALENDAR, frozenset({"a b"})),
    Place(ALICE, CALENDAR, frozenset({"a"})),
    Place(ALICE, replace(CALENDAR, namespace="blue"), frozenset({"a", "b"})),
    Place(ALICE, replace(CALENDAR, client_id="another"), frozenset({"a", "b"})),
    Place(ALICE, replace(CALENDAR, server="https://elsewhere.example"), frozenset({"a", "b"})),
    Place(replace(ALICE, tenant="other"), CALENDAR, frozenset({"a", "b"})),
    Place(replace(ALICE, issuer_url="https://other.example"), CALENDAR, frozenset({"a", "b"})),
]


@pytest.mark.parametrize(("here", "there"), list(permutations(NEAR, 2)))
def test_a_row_put_at_another_place_is_refused(here: Place, there: Place) -> None:
    mine = SEALING.seal(replace(grant(), place=here, version=3))
    theirs = SEALING.seal(replace(grant(), place=there, version=3))

    with pytest.raises(Refused):
        SEALING.unseal(replace(theirs, sealed=mine.sealed))


def test_what_was_sealed_well_at_the_wrong_place_is_refused() -> None:
    place = grant().place
    row = Row(SEALING.id(place), SEALING.owner(BOB), 1, SEALING.keys.newest, b"")
    liar = Sealing(SEALING.keys)
    liar.owner = lambda owner: row.owner  # type: ignore[method-assign]  # as a bug of ours would

    with pytest.raises(Refused, match="at another place"):
        SEALING.unseal(liar.seal(replace(grant(), version=1)))


def test_an_older_copy_under_another_key_is_refused() -> None:
    row = SEALING.seal(grant())
    other = new_keys()

    with pytest.raises(KeyGone):
        Sealing(other).unseal(row)
    with pytest.raises(Refused):
        Sealing(other).unseal(replace(row, key=other.newest))


def test_an_older_copy_under_a_newer_version_is_refused() -> None:
    old = SEALING.seal(replace(grant(), version=4))

    with pytest.raises(Refused):
        SEALING.unseal(replace(old, version=5))


def test_nothing_of_a_grant_can_be_read_from_its_row_or_its_intent() -> None:
    one = grant()
    row = SEALING.seal(one)
    seen = row.id + row.owner + row.key + row.sealed + SEALING.seal_intent(one) + repr(row).encode()

    for text in [ALICE.subject, ALICE.issuer_url, ALICE.tenant, CALENDAR.server, "token", "calendar", "mail", "client"]:
        assert text.encode() not in seen


def test_the_length_of_a_row_says_little() -> None:
    lengths = {len(SEALING.seal(replace(grant(), label="x" * length)).sealed) for length in range(200)}

    assert len(lengths) == 2


def test_the_same_grant_is_never_sealed_the_same() -> None:
    assert len({SEALING.seal(grant()).sealed for _ in range(100)}) == 100


def test_an_intent_that_was_changed_is_refused() -> None:
    sealed = SEALING.seal_intent(grant())

    for changed in [b"", sealed[:-1], sealed[1:], sealed + b" ", bytes([sealed[0] ^ 1]) + sealed[1:]]:
        with pytest.raises(Refused):
            SEALING.unseal_intent(changed)
    with pytest.raises(Refused):
        Sealing(new_keys()).unseal_intent(sealed)
    with pytest.raises(Refused):
        SEALING.unseal_intent(SEALING.seal(grant()).sealed)


def test_what_is_sealed_is_json_of_known_members() -> None:
    """They are read again by every later version."""
    row = SEALING.seal(grant())
    plain = SEALING._aead(row).decrypt(row.sealed[:12], row.sealed[12:], _told(row))

    assert sorted(json.loads(plain)) == [
        *("access_token", "account", "at", "dead", "expires", "label", "owner"),
        *("refresh_expires", "refresh_token", "scopes", "since", "token_type", "used", "used_by", "version"),
    ]


def _told(row: Row) -> bytes:
    return b"sidecar vault row 1" + row.id + row.owner + row.key + row.version.to_bytes(8, "big")


def test_what_was_sealed_before_refresh_tokens_had_an_end_is_read() -> None:
    said = json.loads(_plain(grant()))
    del said["refresh_expires"]
    assert _grant(said) == grant()
