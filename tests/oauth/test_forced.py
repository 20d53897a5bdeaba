"""Forcing new tokens has a limit, which is everybody's own."""

import pytest

from sidecar.errors import RateLimited
from sidecar.oauth.forced import FORCED_SECONDS, MOST_FORCED, Forced

NOW = 1_795_000_000.0


def refused(forced: Forced, by: str, now: float) -> int | None:
    with pytest.raises(RateLimited) as refusal:
        forced.note(by, now)
    return refusal.value.retry_after


def test_a_few_are_let_through_and_then_some_seconds_have_to_pass() -> None:
    forced = Forced("crm")
    for number in range(MOST_FORCED):
        forced.note("alice", NOW + number)
    assert refused(forced, "alice", NOW + 10) == 50
    forced.note("alice", NOW + FORCED_SECONDS)
    assert refused(forced, "alice", NOW + FORCED_SECONDS) == 1


def test_nobody_takes_from_another() -> None:
    forced = Forced("crm")
    for _ in range(MOST_FORCED):
        forced.note("alice", NOW)
    refused(forced, "alice", NOW)
    forced.note("bob", NOW)


def test_a_clock_that_is_set_back_locks_nobody_out() -> None:
    forced = Forced("crm")
    for _ in range(MOST_FORCED):
        forced.note("alice", NOW)
    forced.note("alice", NOW - 86400)


def test_those_who_forced_long_ago_are_forgotten() -> None:
    forced = Forced("crm")
    for number in range(1000):
        forced.note(f"user-{number}", NOW)
    forced.note("user-0", NOW + 59)
    forced.note("somebody", NOW + FORCED_SECONDS)
    assert len(forced) == 2
