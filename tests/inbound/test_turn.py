"""Turns: one at a time, in order, and none is lost however a wait ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import Overloaded
from sidecar.inbound.turn import Turn
from tests.fuzzing import examples


async def ticks(count: int = 3) -> None:
    """Let whoever can go on do so."""
    for _ in range(count):
        await asyncio.sleep(0)


@asynccontextmanager
async def waiting(
    turn: Turn, names: str, seconds: float = 5.0
) -> AsyncIterator[tuple[dict[str, "asyncio.Task[None]"], list[str]]]:
    """One task for each of *names* that takes its turn in that order, and the names of those that have had it."""
    had: list[str] = []

    async def take(name: str) -> None:
        await turn.take(seconds)
        had.append(name)

    async with asyncio.TaskGroup() as tasks:
        made = {}
        for name in names:
            made[name] = tasks.create_task(take(name))
            await ticks()
        yield made, had


async def test_the_first_has_its_turn_at_once_even_with_no_time_to_wait() -> None:
    turn = Turn()
    await turn.take(0.0)
    turn.leave()
    await turn.take(0.0)


async def test_the_others_wait_in_the_order_in_which_they_came() -> None:
    turn = Turn()
    async with waiting(turn, "abc") as (_, had):
        for expected in ("a", "ab", "abc"):
            await ticks()
            assert "".join(had) == expected
            turn.leave()


async def test_whoever_waits_for_longer_than_they_may_is_told_when_to_come_again() -> None:
    turn = Turn()
    await turn.take(1.0)
    with pytest.raises(Overloaded) as refused:
        await turn.take(0.01)
    assert (refused.value.status, refused.value.retry_after) == (503, 1)
    assert "one call at a time" in refused.value.title
    turn.leave()
    await turn.take(0.0)  # who gave up is not waited for


async def test_no_time_to_wait_is_no_wait() -> None:
    turn = Turn()
    await turn.take(0.0)
    with pytest.raises(Overloaded):
        await turn.take(0.0)


async def test_the_advice_is_to_wait_as_long_as_one_has_waited() -> None:
    turn = Turn()
    await turn.take(1.0)
    with pytest.raises(Overloaded) as refused:
        await turn.take(1.1)
    assert refused.value.retry_after == 2


async def test_who_goes_away_while_waiting_is_passed_over() -> None:
    turn = Turn()
    async with waiting(turn, "abc") as (tasks, had):
        tasks["b"].cancel()
        await ticks()
        turn.leave()
        await ticks()
        assert had == ["a", "c"]
    turn.leave()
    await turn.take(0.0)


async def test_who_gives_up_behind_another_lets_nobody_in() -> None:
    turn = Turn()
    async with waiting(turn, "abc") as (tasks, had):
        tasks["c"].cancel()
        with pytest.raises(Overloaded):
            await turn.take(0.01)
        await ticks()
        assert had == ["a"]
        turn.leave()
    assert had == ["a", "b"]
    turn.leave()
    await turn.take(0.0)


async def test_who_goes_away_as_its_turn_comes_hands_it_on() -> None:
    turn = Turn()
    async with waiting(turn, "abc") as (tasks, had):
        turn.leave()
        tasks["b"].cancel()
        await ticks()
        assert had == ["a", "c"]
    turn.leave()
    await turn.take(0.0)


async def test_only_who_has_the_turn_can_leave() -> None:
    turn = Turn()
    with pytest.raises(RuntimeError):
        turn.leave()
    await turn.take(0.0)
    turn.leave()
    with pytest.raises(RuntimeError):
        turn.leave()


class Play:
    """Calls that come, go away and leave, as a script says."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self.turn = Turn()
        self.inside = 0
        self.most = 0
        self._group = group
        self._tasks: list[asyncio.Task[None]] = []

    def come(self, _: int) -> None:
        self._tasks.append(self._group.create_task(self._call()))

    def go_away(self, which: int) -> None:
        if self._tasks:
            self._tasks[which % len(self._tasks)].cancel()

    def leave(self, _: int) -> None:
        if self.inside:
            self.inside -= 1
            self.turn.leave()

    async def end(self) -> None:
        """Everybody who still waits has a turn."""
        while not all(task.done() for task in self._tasks):
            await ticks()
            self.leave(0)
        self.leave(0)

    async def _call(self) -> None:
        await self.turn.take(60.0)
        self.inside += 1
        self.most = max(self.most, self.inside)


_steps = st.lists(st.tuples(st.sampled_from(["come", "go_away", "leave", "tick"]), st.integers(0, 9)), max_size=30)


@examples(100)
@given(_steps)
def test_whatever_happens_one_has_the_turn_and_none_waits_while_it_is_free(steps: list[tuple[str, int]]) -> None:
    async def play() -> Play:
        async with asyncio.TaskGroup() as group:
            play = Play(group)
            for step, number in steps:
                if step == "tick":
                    await ticks()
                else:
                    getattr(play, step)(number)
            await play.end()
        await play.turn.take(0.0)
        return play

    assert asyncio.run(play()).most <= 1
