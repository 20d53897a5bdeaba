"""What a browser comes back with: once, in that browser, at that step, from where it was sent."""

from dataclasses import replace
from typing import Any

import pytest

from sidecar.consent.attempts import LIFETIME, Astray, Attempt, Attempts, Step
from sidecar.consent.sessions import Sessions
from sidecar.secret import Secret
from tests.consent.test_sessions import ALICE, READ, Clock

MINE, OTHER = b"m" * 32, b"o" * 32
SENT = Attempt(Step.PROVIDER, "google", MINE, verifier=Secret("verifier"), nonce=Secret("nonce"), carried="code")


def attempts(clock: Clock, **more: Any) -> Attempts:
    drawn = iter(range(1, 1 << 20))
    return Attempts(clock=clock, random=lambda size: next(drawn).to_bytes(size, "big"), **more)


def sessions(clock: Clock) -> Sessions:
    drawn = iter(range(1, 1 << 20))
    return Sessions(clock=clock, random=lambda size: next(drawn).to_bytes(size, "big"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_it_is_good_once(clock: Clock) -> None:
    held = attempts(clock)
    state = held.open(SENT)
    assert held.take(state, Step.PROVIDER, "google", MINE) is SENT
    with pytest.raises(Astray, match="unknown, used before, or expired"):
        held.take(state, Step.PROVIDER, "google", MINE)


@pytest.mark.parametrize("state", ["", "nonsense", "\udcff", "é" * 9999])
def test_what_was_never_given_is_unknown(clock: Clock, state: str) -> None:
    held = attempts(clock)
    held.open(SENT)
    with pytest.raises(Astray):
        held.take(state, Step.PROVIDER, "google", MINE)


def test_it_ends_after_ten_minutes_and_with_its_session(clock: Clock) -> None:
    held = attempts(clock)
    session = sessions(clock).begin(ALICE, "google", READ)
    clock.now += 100.0
    alone, tied = held.open(SENT), held.open(replace(SENT, session=session))
    clock.now += LIFETIME - 100.0
    with pytest.raises(Astray):
        held.take(tied, Step.PROVIDER, "google", MINE)
    assert held.take(alone, Step.PROVIDER, "google", MINE) is SENT
    late = held.open(SENT)
    clock.now += LIFETIME
    with pytest.raises(Astray):
        held.take(late, Step.PROVIDER, "google", MINE)


@pytest.mark.parametrize("browser", [None, OTHER, b""])
def test_another_browser_gets_nothing_and_ends_nothing(clock: Clock, browser: bytes | None) -> None:
    held = attempts(clock)
    state = held.open(SENT)
    with pytest.raises(Astray, match="another browser"):
        held.take(state, Step.PROVIDER, "google", browser)
    assert held.take(state, Step.PROVIDER, "google", MINE) is SENT


@pytest.mark.parametrize(
    ("step", "of"), [(Step.PROVIDER, "slack"), (Step.LOGIN, "google"), (Step.ACCOUNT, "google"), (Step.LOGIN, "okta")]
)
def test_an_answer_from_elsewhere_ends_it(clock: Clock, step: Step, of: str) -> None:
    held = attempts(clock)
    state = held.open(SENT)
    with pytest.raises(Astray):
        held.take(state, step, of, MINE)
    with pytest.raises(Astray, match="unknown"):
        held.take(state, Step.PROVIDER, "google", MINE)


def test_an_application_completes_without_the_users_cookie(clock: Clock) -> None:
    held = attempts(clock)
    code = held.open(replace(SENT, step=Step.COMPLETE))
    assert held.take(code, Step.COMPLETE, "google", None).carried == "code"


def test_a_code_of_an_application_is_no_state(clock: Clock) -> None:
    held = attempts(clock)
    code = held.open(replace(SENT, step=Step.COMPLETE))
    with pytest.raises(Astray, match="complete was due"):
        held.take(code, Step.PROVIDER, "google", MINE)


def test_two_tabs_do_not_hinder_each_other(clock: Clock) -> None:
    held = attempts(clock)
    session = sessions(clock).begin(ALICE, "google", READ)
    sent = replace(SENT, session=session)
    one, two = held.open(sent), held.open(sent)
    assert held.take(one, Step.PROVIDER, "google", MINE) is sent
    assert held.take(two, Step.PROVIDER, "google", MINE) is sent


def test_a_session_has_only_so_many_tabs(clock: Clock) -> None:
    held = attempts(clock, most_of_one=3)
    session = sessions(clock).begin(ALICE, "google", READ)
    first, *rest = [held.open(replace(SENT, session=session)) for _ in range(4)]
    with pytest.raises(Astray):
        held.take(first, Step.PROVIDER, "google", MINE)
    for state in rest:
        held.take(state, Step.PROVIDER, "google", MINE)
    assert len(held) == 0
    assert not held._keys


def test_strangers_who_begin_to_sign_in_push_out_nobody_who_was_asked(clock: Clock) -> None:
    held = attempts(clock, most=5)
    asked = held.open(replace(SENT, session=sessions(clock).begin(ALICE, "google", READ)))
    for _ in range(50):
        held.open(replace(SENT, step=Step.LOGIN))
    assert len(held) == 6
    held.take(asked, Step.PROVIDER, "google", MINE)


def test_a_session_that_is_over_expects_nothing_more(clock: Clock) -> None:
    held = attempts(clock)
    session = sessions(clock).begin(ALICE, "google", READ)
    state = held.open(replace(SENT, session=session))
    held.end(session)
    with pytest.raises(Astray):
        held.take(state, Step.PROVIDER, "google", MINE)
    held.end(session)


def test_nothing_of_it_shows(clock: Clock) -> None:
    shown = repr(replace(SENT, carried="the provider's answer"))
    assert "the provider's answer" not in shown
    assert "Secret(…)" in shown


def test_what_nobody_can_come_back_to_is_told(clock: Clock) -> None:
    gone: list[Attempt] = []
    held = attempts(clock, dropped=gone.append, most_of_one=2)
    session = sessions(clock).begin(ALICE, "google", READ)
    sent = [replace(SENT, session=session, carried=number) for number in range(6)]

    def said() -> list[int]:
        return [attempt.carried for attempt in gone]

    taken = held.open(sent[0])
    held.take(taken, Step.PROVIDER, "google", MINE)
    assert said() == []
    first, _ = held.open(sent[1]), held.open(sent[2])
    held.open(sent[3])
    assert said() == [1], "the oldest makes room"
    with pytest.raises(Astray):
        held.take(first, Step.PROVIDER, "google", MINE)
    astray = held.open(sent[4])
    assert said() == [1, 2]
    with pytest.raises(Astray):
        held.take(astray, Step.LOGIN, "google", MINE)
    assert said() == [1, 2, 4], "an answer of another kind ends it"
    held.end(session)
    assert said() == [1, 2, 4, 3]
    held.open(sent[5])
    held.open(SENT)
    clock.now += LIFETIME - 1
    held.sweep()
    assert len(held) == 2
    clock.now += 1
    held.sweep()
    assert (len(held), said()) == (0, [1, 2, 4, 3, 5])


def test_all_can_be_given_up_at_once(clock: Clock) -> None:
    gone: list[Attempt] = []
    held = attempts(clock, dropped=gone.append)
    session = sessions(clock).begin(ALICE, "google", READ)
    held.open(replace(SENT, session=session))
    held.open(SENT)
    held.clear()
    assert (len(held), len(gone)) == (0, 1)
