"""Questions to users: who may answer, how long, and what is told of them."""

from dataclasses import replace

import pytest

from sidecar.consent.sessions import LIFETIME, REMEMBERED, Origin, Session, Sessions, Status
from sidecar.errors import RateLimited
from sidecar.identity.principal import Kind, Principal

ALICE = Principal("https://issuer.example", "", "alice", "idp", Kind.USER)
BOB = replace(ALICE, subject="bob")
READ = frozenset({"calendar.read"})


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def sessions(clock: Clock, **more: int) -> Sessions:
    drawn = iter(range(1, 1 << 20))
    return Sessions(clock=clock, random=lambda size: next(drawn).to_bytes(size, "big"), **more)


def test_a_session_is_found_by_its_id_alone(clock: Clock) -> None:
    held = sessions(clock)
    session = held.begin(ALICE, "google", READ, Origin(b"call", b"trace", b"span"))
    assert held.find(session.id) is session
    assert held.find(session.id[:-1]) is None
    assert held.find("") is None
    assert held.find("\udcff") is None
    assert session.id not in repr(session)


def test_asking_again_for_the_same_is_the_same_question(clock: Clock) -> None:
    held = sessions(clock)
    first = held.begin(ALICE, "google", READ)
    assert held.begin(ALICE, "google", READ) is first
    assert held.begin(ALICE, "google", READ | {"more"}) is not first
    assert held.begin(ALICE, "slack", READ) is not first
    assert held.begin(BOB, "google", READ) is not first


def test_nobody_is_handed_a_link_that_is_about_to_end(clock: Clock) -> None:
    held = sessions(clock)
    first = held.begin(ALICE, "google", READ)
    clock.now += LIFETIME / 2
    assert held.begin(ALICE, "google", READ) is not first


def test_an_answered_question_is_not_asked_on(clock: Clock) -> None:
    held = sessions(clock)
    first = held.begin(ALICE, "google", READ)
    first.deny()
    assert held.begin(ALICE, "google", READ) is not first


@pytest.mark.parametrize(("missing", "status"), [(frozenset(), Status.GRANTED), (READ, Status.DENIED)])
def test_only_all_that_was_asked_for_is_granted(clock: Clock, missing: frozenset[str], status: Status) -> None:
    held = sessions(clock)
    session = held.begin(ALICE, "google", READ)
    assert held.status(ALICE, session.id) is Status.PENDING
    session.grant(READ - missing, missing, "alice@example.com")
    assert held.status(ALICE, session.id) is status
    assert not held.pending(session)
    assert (session.granted, session.missing) == (READ - missing, missing)
    assert "alice@" not in repr(session)


def test_a_refusal_is_a_denial_of_everything(clock: Clock) -> None:
    held = sessions(clock)
    session = held.begin(ALICE, "google", READ)
    session.deny(kept=True)
    assert (held.status(ALICE, session.id), session.missing, session.kept) == (Status.DENIED, READ, True)


def test_a_session_ends_after_ten_minutes_and_is_told_of_for_ten_more(clock: Clock) -> None:
    held = sessions(clock)
    session = held.begin(ALICE, "google", READ)
    clock.now += LIFETIME - 0.1
    assert held.pending(session)
    clock.now += 0.1
    assert not held.pending(session)
    assert held.status(ALICE, session.id) is Status.EXPIRED
    answered = held.begin(ALICE, "google", READ)
    answered.grant(READ, frozenset(), "alice@example.com")
    clock.now += LIFETIME + REMEMBERED - 1
    assert held.status(ALICE, answered.id) is Status.GRANTED
    clock.now += 1
    assert held.find(answered.id) is None


def test_another_principals_session_is_told_of_as_one_that_never_was(clock: Clock) -> None:
    held = sessions(clock)
    session = held.begin(ALICE, "google", READ)
    session.grant(READ, frozenset(), "alice@example.com")
    assert held.status(BOB, session.id) is held.status(BOB, "never was") is Status.EXPIRED


def test_one_principal_has_only_so_many_and_others_are_not_hindered(clock: Clock) -> None:
    held = sessions(clock, most_of_one=3)
    for number in range(3):
        held.begin(ALICE, "google", frozenset({str(number)}))
    with pytest.raises(RateLimited) as refused:
        held.begin(ALICE, "google", READ)
    assert refused.value.retry_after == LIFETIME + 1
    held.begin(BOB, "google", READ)
    clock.now += LIFETIME
    held.begin(ALICE, "google", READ)


def test_there_are_only_so_many_and_the_oldest_goes(clock: Clock) -> None:
    held = sessions(clock, most=3)
    first, *rest = [held.begin(replace(ALICE, subject=str(number)), "google", READ) for number in range(4)]
    assert len(held) == 3
    assert held.find(first.id) is None
    assert [held.find(each.id) for each in rest] == rest


def test_what_is_over_leaves_nothing_behind(clock: Clock) -> None:
    held = sessions(clock)
    for number in range(100):
        held.begin(replace(ALICE, subject=str(number)), "google", READ)
    clock.now += LIFETIME + REMEMBERED
    held.begin(BOB, "google", READ)
    assert len(held) == 1
    assert len(held._of) == 1


def test_sessions_of_a_provider_that_is_gone_can_be_ended(clock: Clock) -> None:
    held = sessions(clock)
    google, slack = held.begin(ALICE, "google", READ), held.begin(ALICE, "slack", READ)

    def doomed(session: Session) -> bool:
        return session.provider == "google"

    held.drop(doomed)
    assert held.find(google.id) is None
    assert held.find(slack.id) is slack
