"""What agents asked for and users haven't granted."""

from sidecar.consent.wishes import Wish, Wishes
from sidecar.vault.grant import Owner

ALICE, BOB = Owner("https://issuer.example", "", "alice"), Owner("https://issuer.example", "", "bob")


def test_what_was_asked_for_is_kept_until_it_is_granted() -> None:
    wishes = Wishes()
    wishes.note(ALICE, "google", frozenset({"read"}), 1.0)
    wishes.note(ALICE, "google", frozenset({"write"}), 2.0)
    assert wishes.of(ALICE) == {"google": Wish(frozenset({"read", "write"}), 2.0)}
    assert wishes.of(BOB) == {}
    wishes.granted(ALICE, "google", frozenset({"write"}))
    assert wishes.of(ALICE) == {"google": Wish(frozenset({"write"}), 2.0)}
    wishes.granted(ALICE, "google", frozenset())
    assert wishes.of(ALICE) == {}
    wishes.granted(BOB, "google", frozenset())
    assert not wishes._held


def test_there_are_only_so_many() -> None:
    wishes = Wishes(most=3)
    for number in range(10):
        wishes.note(Owner("", "", str(number)), "google", frozenset(), 1.0)
    assert len(wishes._held) == 3
    for number in range(100):
        wishes.note(ALICE, str(number), frozenset(), 1.0)
    assert [*wishes.of(ALICE)] == [str(number) for number in range(68, 100)]
