from dataclasses import replace

import pytest

from sidecar.vault.keys import BYTES, IDS, ROWS, Wrapper, opened
from sidecar.vault.store import Unusable
from tests.vault.vaults import derived

OURS, ANOTHER = Wrapper(derived(b"ours")), Wrapper(derived(b"another"))


def test_a_key_opens_as_it_was_wrapped() -> None:
    wrapped = OURS.wrap(b"12345678", ROWS, 7, b"k" * BYTES)

    assert OURS.unwrap(wrapped) == b"k" * BYTES
    assert b"k" * BYTES not in wrapped.wrapped
    assert "wrapped=" not in repr(wrapped)


def test_the_name_of_a_state_key_is_its_own_and_stays() -> None:
    assert OURS.id == Wrapper(derived(b"ours")).id != ANOTHER.id
    assert len(OURS.id) == 16


@pytest.mark.parametrize("change", [{"id": b"87654321"}, {"purpose": IDS}, {"made": 8}, {"wrapped": b""}])
def test_a_wrapping_that_was_changed_is_refused(change: dict[str, object]) -> None:
    wrapped = replace(OURS.wrap(b"12345678", ROWS, 7, b"k" * BYTES), **change)  # type: ignore[arg-type]  # by name

    with pytest.raises(Unusable, match="damaged"):
        OURS.unwrap(wrapped)


def test_every_bit_of_a_wrapping_counts() -> None:
    wrapped = OURS.new(ROWS, 7)
    for bit in range(len(wrapped.wrapped) * 8):
        flipped = bytearray(wrapped.wrapped)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Unusable, match="damaged"):
            OURS.unwrap(replace(wrapped, wrapped=bytes(flipped)))


def test_the_newest_key_is_the_same_for_all() -> None:
    ids, old, new = OURS.new(IDS, 1), OURS.new(ROWS, 1), OURS.new(ROWS, 9)

    for order in ([ids, old, new], [new, old, ids]):
        keys = opened(order, OURS)
        assert keys.newest == new.id
        assert keys.made == 9
        assert keys.rows.keys() == {old.id, new.id}
        assert keys.ids == OURS.unwrap(ids)


def test_another_state_key_is_told_which_one_is_wanted() -> None:
    kept = [OURS.new(IDS, 1795000000), OURS.new(ROWS, 1795000000)]

    with pytest.raises(Unusable, match=f"sealed by the state key {OURS.id} \\(since 2026-11-18\\)") as raised:
        opened(kept, ANOTHER)
    assert ANOTHER.id in str(raised.value)


def test_every_key_has_to_open() -> None:
    kept = [OURS.new(IDS, 1), OURS.new(ROWS, 1), ANOTHER.new(ROWS, 2)]

    with pytest.raises(Unusable, match=f"state key {ANOTHER.id}"):
        opened(kept, OURS)


def test_a_vault_may_be_wrapped_for_two_state_keys() -> None:
    kept = [OURS.new(IDS, 1), OURS.new(ROWS, 1)]
    both = [*kept, *(ANOTHER.wrap(key.id, key.purpose, key.made, OURS.unwrap(key)) for key in kept)]

    assert opened(both, OURS) == opened(both, ANOTHER)


def test_keys_that_are_missing_are_told() -> None:
    with pytest.raises(Unusable, match="lacks keys"):
        opened([OURS.new(ROWS, 1)], OURS)
    with pytest.raises(Unusable, match="lacks keys"):
        opened([OURS.new(IDS, 1)], OURS)


def test_opened_keys_show_nothing() -> None:
    keys = opened([OURS.wrap(b"12345678", IDS, 1, b"i" * 32), OURS.wrap(b"22345678", ROWS, 1, b"r" * 32)], OURS)

    assert "iii" not in repr(keys)
    assert "rrr" not in repr(keys)
