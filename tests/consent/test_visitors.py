"""Who has signed in, by browser."""

import pytest

from sidecar.consent.visitors import IDLE, MOST_SECONDS, Visitors
from tests.consent.test_sessions import ALICE, BOB, Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


def visitors(clock: Clock, most: int = 100) -> Visitors:
    drawn = iter(range(1, 1 << 20))
    return Visitors(clock=clock, random=lambda size: next(drawn).to_bytes(size, "big"), most=most)


def test_a_visitor_is_known_by_the_cookie(clock: Clock) -> None:
    held = visitors(clock)
    cookie = held.sign_in(ALICE)
    visitor = held.of(cookie)
    assert visitor is not None
    assert visitor.principal is ALICE
    assert cookie not in repr(visitor)
    for other in (None, "", cookie + "x", "\udcff"):
        assert held.of(other) is None


def test_a_sign_in_gives_a_new_cookie_and_ends_the_one_before(clock: Clock) -> None:
    held = visitors(clock)
    before = held.sign_in(ALICE)
    after = held.sign_in(BOB, before)
    assert held.of(before) is None
    assert held.of(after) is not None
    held.sign_out(after)
    assert held.of(after) is None
    held.sign_out(after)


def test_who_is_away_too_long_signs_in_again(clock: Clock) -> None:
    held = visitors(clock)
    cookie = held.sign_in(ALICE)
    clock.now += IDLE - 1
    assert held.of(cookie) is not None
    clock.now += IDLE
    assert held.of(cookie) is None
    assert len(held) == 0


def test_nobody_stays_for_ever(clock: Clock) -> None:
    held = visitors(clock)
    cookie = held.sign_in(ALICE)
    until = clock.now + MOST_SECONDS
    while clock.now < until:
        assert held.of(cookie) is not None
        clock.now += IDLE - 1
    assert held.of(cookie) is None


def test_there_are_only_so_many_and_who_was_seen_least_lately_goes(clock: Clock) -> None:
    held = visitors(clock, most=2)
    first, second = held.sign_in(ALICE), held.sign_in(BOB)
    held.of(first)
    third = held.sign_in(BOB)
    assert [held.of(cookie) is not None for cookie in (first, second, third)] == [True, False, True]


def test_all_of_one_principal_can_be_signed_out(clock: Clock) -> None:
    held = visitors(clock)
    alice, bob = held.sign_in(ALICE), held.sign_in(BOB)
    held.drop(lambda principal: principal.id == ALICE.id)
    assert held.of(alice) is None
    assert held.of(bob) is not None
