"""What may be used once is used once, as long as it could be used again, and within bounds."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import Overloaded, TokenSpent
from sidecar.keyring.once import Once

NOW = 1795515001.0


class Watch:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def test_the_second_time_is_refused_and_says_that_it_has_been_used() -> None:
    once = Once(clock=Watch())
    once.take("planner", "j", NOW + 90)
    with pytest.raises(TokenSpent) as refused:
        once.take("planner", "j", NOW + 90)
    assert (refused.value.code, refused.value.status) == ("token_expired", 401)
    assert "a new assertion for each call" in refused.value.detail


def test_another_time_to_end_is_no_way_round() -> None:
    once = Once(clock=Watch())
    once.take("planner", "j", NOW + 90)
    for until in (NOW + 1, NOW + 30, NOW + 91, NOW + 120):
        with pytest.raises(TokenSpent):
            once.take("planner", "j", until)


def test_each_issuer_has_its_own() -> None:
    once = Once(clock=Watch())
    once.take("planner", "j", NOW + 90)
    once.take("writer", "j", NOW + 90)
    once.take("planner", "k", NOW + 90)
    assert len(once) == 3


@given(st.floats(0, 200), st.floats(0, 200))
def test_it_is_remembered_for_as_long_as_it_is_said_and_not_much_longer(seconds: float, later: float) -> None:
    watch = Watch()
    once = Once(clock=watch)
    once.take("planner", "j", NOW + seconds)
    watch.now = NOW + later
    if later < seconds:
        with pytest.raises(TokenSpent):
            once.take("planner", "j", NOW + 400)
    elif later > seconds + 8:
        once.take("planner", "j", NOW + 400)


def test_sweeping_forgets_what_has_ended() -> None:
    watch = Watch()
    once = Once(clock=watch)
    for number in range(100):
        once.take(f"issuer {number % 3}", str(number), NOW + number)
    watch.now = NOW + 58
    once.sweep()
    assert 40 <= len(once) <= 51
    watch.now = NOW + 120
    once.sweep()
    assert len(once) == 0
    assert not once._used


def test_what_does_not_fit_is_refused_and_takes_nobody_elses_room() -> None:
    watch = Watch()
    once = Once(clock=watch, most=100)
    for number in range(100):
        once.take("planner", str(number), NOW + 90)
    with pytest.raises(Overloaded) as refused:
        once.take("planner", "more", NOW + 90)
    assert (refused.value.status, refused.value.retry_after) == (503, 1)
    with pytest.raises(TokenSpent):
        once.take("planner", "7", NOW + 90)
    once.take("writer", "more", NOW + 90)
    watch.now = NOW + 100
    once.take("planner", "more", watch.now + 90)
    assert len(once) == 2


def test_a_full_memory_costs_no_call_much() -> None:
    """Microseconds where the oldest were dropped one by one from a large table would be milliseconds."""
    watch = Watch()
    once = Once(clock=watch)
    for number in range(90_000):
        watch.now = NOW + number / 1000
        once.take("planner", str(number), watch.now + 90)
    began = time.process_time()
    for number in range(1000):
        once.take("planner", f"more {number}", watch.now + 90)
    assert (time.process_time() - began) / 1000 < 0.0005
