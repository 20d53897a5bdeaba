"""What is got once and kept: one fetch for many, ahead of time, and a pause after what failed."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from sidecar.errors import ProviderRefused, ProviderUnreachable, RateLimited, Refusal, VaultUnavailable
from sidecar.oauth import kept
from sidecar.oauth.forced import MOST_FORCED
from sidecar.oauth.kept import Held, Kept, held

START = 1795515001.0


@dataclass
class Well:
    """Gives 1, 2, 3 … for an hour each, when its gate is open."""

    kept: "Kept[str, int]"
    now: list[float]
    life: float | None = 3600.0
    drawn: int = 0
    fails: Callable[[], Exception] | None = None
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def get(self) -> Held[int]:
        self.drawn += 1
        drawn = self.drawn
        await self.gate.wait()
        if self.fails is not None:
            raise self.fails()
        return held(drawn, self.now[0], self.life)

    def ready(self, key: str = "k") -> int | None:
        return self.kept.ready(key, self.get)

    def obtain(self, key: str = "k", *, force: bool = False, by: str = "") -> Awaitable[int]:
        return self.kept.obtain(key, self.get, force=force, by=by)

    async def refused(self, key: str = "k", *, force: bool = False) -> Refusal:
        with pytest.raises(Refusal) as refused:
            await self.obtain(key, force=force)
        return refused.value


@asynccontextmanager
async def well(seconds: float = 5.0, *, closed: bool = False) -> AsyncIterator[Well]:
    now = [START]
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        one = Well(Kept("crm", clock=lambda: now[0], tasks=tasks, seconds=seconds), now)
        if not closed:
            one.gate.set()
        yield one
        one.kept.close()


async def settled() -> None:
    """Let what is under way come to its end."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_is_held_is_there_at_once() -> None:
    async with well() as one:
        assert one.ready() is None
        assert await one.obtain() == 1
        assert one.ready() == 1
        assert await one.obtain() == 1
        assert one.drawn == 1


async def test_each_key_has_its_own() -> None:
    async with well() as one:
        assert [await one.obtain("a"), await one.obtain("b")] == [1, 2]
        assert (one.ready("a"), one.ready("b"), one.ready("c")) == (1, 2, None)


async def test_however_many_wait_there_is_one_fetch() -> None:
    async with well(closed=True) as one:
        waiting = [asyncio.ensure_future(one.obtain()) for _ in range(500)]
        await settled()
        one.gate.set()
        assert await asyncio.gather(*waiting) == [1] * 500
        assert one.drawn == 1


async def test_who_goes_away_takes_nothing_with_it() -> None:
    async with well(closed=True) as one:
        first = asyncio.ensure_future(one.obtain())
        await settled()
        others = [asyncio.ensure_future(one.obtain()) for _ in range(3)]
        await settled()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        one.gate.set()
        assert await asyncio.gather(*others) == [1, 1, 1]
        assert one.drawn == 1


async def test_what_nobody_waits_for_any_more_is_kept_all_the_same() -> None:
    async with well(closed=True) as one:
        only = asyncio.ensure_future(one.obtain())
        await settled()
        only.cancel()
        await settled()
        one.gate.set()
        await settled()
        assert one.ready() == 1


@pytest.mark.parametrize(("life", "renews", "ends"), [(3600.0, 3300, 3590), (100.0, 75, 90), (1.0, 0.75, 0.9)])
async def test_it_is_replaced_ahead_of_its_end_while_the_old_one_is_used(
    life: float, renews: float, ends: float
) -> None:
    async with well() as one:
        one.life = life
        await one.obtain()
        one.now[0] = START + renews - 0.01
        assert one.ready() == 1
        await settled()
        assert one.drawn == 1
        one.gate.clear()
        one.now[0] = START + renews
        assert [one.ready() for _ in range(100)] == [1] * 100
        await settled()
        assert one.drawn == 2
        one.now[0] = START + ends - 0.01
        assert one.ready() == 1
        one.now[0] = START + ends
        assert one.ready() is None
        waiting = asyncio.ensure_future(one.obtain())
        await settled()
        one.gate.set()
        assert await waiting == 2


async def test_of_unknown_life_it_is_replaced_after_five_minutes_and_used_for_an_hour() -> None:
    async with well() as one:
        one.life = None
        await one.obtain()
        one.fails = lambda: ProviderUnreachable("away")
        one.now[0] = START + 299
        assert one.ready() == 1
        await settled()
        assert one.drawn == 1
        one.now[0] = START + 301
        assert one.ready() == 1
        await settled()
        assert one.drawn == 2
        one.now[0] = START + 3599
        assert one.ready() == 1
        await settled()
        one.now[0] = START + 3600
        assert one.ready() is None


async def test_a_failed_replacement_leaves_the_old_one_in_use_and_is_tried_again_later() -> None:
    async with well() as one:
        await one.obtain()
        one.fails = lambda: ProviderUnreachable("away")
        one.now[0] = START + 3400
        for _ in range(20):
            assert one.ready() == 1
            assert await one.obtain() == 1
            await settled()
        assert one.drawn == 2
        one.now[0] += 1.1
        assert one.ready() == 1
        await settled()
        assert one.drawn == 3
        one.fails = None
        one.now[0] += 2.1
        assert one.ready() == 1
        await settled()
        assert one.ready() == 4


async def test_what_failed_is_told_to_everyone_and_not_tried_again_at_once() -> None:
    async with well(closed=True) as one:
        one.fails = lambda: ProviderRefused("crm: no", mend="Check it.")
        waiting = [asyncio.ensure_future(one.refused()) for _ in range(50)]
        await settled()
        one.gate.set()
        refusals = await asyncio.gather(*waiting)
        assert {(type(each), each.reason, each.detail, each.retry_after) for each in refusals} == {
            (ProviderRefused, "crm: no", "Check it.", None)
        }
        assert len(set(map(id, refusals))) == 50
        one.now[0] = START + 0.9
        assert (await one.refused()).detail == "Check it."
        assert (await one.refused(force=True)).detail == "Check it."
        assert one.drawn == 1


async def test_the_pause_grows_with_each_failure_and_ends_with_success() -> None:
    async with well() as one:
        one.fails = lambda: ProviderUnreachable("away")
        pauses = []
        for _ in range(8):
            await one.refused()
            began, drawn = one.now[0], one.drawn
            while one.drawn == drawn:
                one.now[0] += 1.0
                await one.refused()
            pauses.append(one.now[0] - began)
            one.now[0] += 100
        assert pauses == [1.0, 4.0, 16.0, 30.0, 30.0, 30.0, 30.0, 30.0]  # of every second one: the next ends it
        one.fails = None
        one.now[0] += 100
        assert await one.obtain()
        one.fails = lambda: ProviderUnreachable("away")
        one.now[0] += 4000
        await one.refused()
        drawn = one.drawn
        one.now[0] += 1.1
        await one.refused()
        assert one.drawn == drawn + 1


@pytest.mark.parametrize(("asked", "paused"), [(7, 7), (60, 60), (3600, 60)])
async def test_a_pause_that_is_asked_for_is_kept_within_bounds_and_passed_on(asked: int, paused: int) -> None:
    async with well() as one:
        one.fails = lambda: RateLimited("slow down", retry_after=asked)
        assert (await one.refused()).retry_after == asked
        one.now[0] = START + paused - 0.5
        again = await one.refused()
        assert isinstance(again, RateLimited)
        assert again.retry_after == asked
        assert one.drawn == 1
        one.now[0] = START + paused + 0.1
        one.fails = None
        assert await one.obtain() == 2


async def test_one_keys_failure_is_not_anothers() -> None:
    async with well() as one:
        one.fails = lambda: ProviderRefused("no")
        await one.refused("a")
        one.fails = None
        assert await one.obtain("b") == 2
        assert (await one.refused("a")).reason == "no"


async def test_a_clock_that_is_set_back_ends_the_pause() -> None:
    async with well() as one:
        one.fails = lambda: ProviderUnreachable("away")
        await one.refused()
        one.fails = None
        one.now[0] = START - 86400
        assert await one.obtain() == 2


async def test_a_fetch_has_a_time_limit() -> None:
    async with well(seconds=0.05, closed=True) as one:
        refusal = await one.refused()
        assert (refusal.code, refusal.status, refusal.retry_after) == ("timeout", 504, 1)
        assert refusal.title == "The provider took too long."
        assert "crm" in refusal.detail


async def test_force_gets_a_new_one_and_the_old_one_stays_in_use_meanwhile() -> None:
    async with well() as one:
        assert await one.obtain() == 1
        one.gate.clear()
        forced = [asyncio.ensure_future(one.obtain(force=True)) for _ in range(20)]
        await settled()
        assert one.ready() == 1
        one.gate.set()
        assert await asyncio.gather(*forced) == [2] * 20
        assert one.ready() == 2


async def test_forcing_has_its_limit() -> None:
    async with well() as one:
        for _ in range(MOST_FORCED):
            await one.obtain(force=True)
        refusal = await one.refused(force=True)
        assert (refusal.code, refusal.retry_after) == ("rate_limited", 60)
        assert one.ready() == MOST_FORCED
        assert await one.obtain("another's", force=True, by="another") == MOST_FORCED + 1
        one.now[0] += 59
        assert (await one.refused(force=True)).retry_after == 1
        one.now[0] += 2
        assert await one.obtain(force=True) == MOST_FORCED + 2


async def test_a_failed_force_leaves_the_old_one_to_others() -> None:
    async with well() as one:
        await one.obtain()
        one.fails = lambda: ProviderUnreachable("away")
        await one.refused(force=True)
        assert one.ready() == 1
        assert await one.obtain() == 1


async def test_a_bug_is_logged_and_ends_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    async with well() as one:
        one.fails = lambda: KeyError("bug")
        with caplog.at_level(logging.ERROR):
            refusal = await one.refused()
        assert (refusal.code, refusal.status) == ("internal", 500)
        assert "no credential could be got" in caplog.text
        one.fails = None
        one.now[0] += 2
        assert await one.obtain() == 2


async def test_only_the_first_failure_of_a_row_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with well() as one:
        one.fails = lambda: ProviderUnreachable("crm: away")
        for _ in range(5):
            await one.refused()
            one.now[0] += 100
        assert caplog.text.count("crm: away") == 1


async def test_what_is_kept_is_bounded() -> None:
    async with well() as one:
        for number in range(kept.MOST_KEPT + 10):
            await one.obtain(str(number))
        assert one.ready("9") is None
        assert one.ready("10") == 11
        assert len(one.kept._slots) == kept.MOST_KEPT


async def test_closing_forgets_all_and_refuses_those_who_wait() -> None:
    async with well(closed=True) as one:
        waiting = asyncio.ensure_future(one.refused())
        await settled()
        one.kept.close()
        refusal = await waiting
        assert (refusal.code, refusal.retry_after) == ("provider_unreachable", 1)
        assert "configuration has just changed" in refusal.detail
        assert one.ready() is None
        assert (await one.refused()).retry_after == 1
        assert one.drawn == 1


async def test_what_was_got_last_is_known_even_when_it_is_over() -> None:
    async with well() as one:
        assert one.kept.last("a") is None
        await one.obtain("a")
        one.now[0] += 1e6
        assert one.ready("a") is None
        assert one.kept.last("a") == 1


async def test_what_is_dropped_is_got_anew_and_what_was_under_way_for_it_is_not_kept() -> None:
    async with well(closed=True) as one:
        waiting = asyncio.ensure_future(one.obtain("a"))
        await settled()
        assert one.kept.drop(lambda key: key == "a") == 0
        one.gate.set()
        assert await waiting == 1
        assert one.ready("a") is None
        await one.obtain("a")
        await one.obtain("b")
        assert one.kept.drop(lambda key: key == "a") == 1
        assert one.kept.drop(lambda key: key == "a") == 0
        assert one.ready("a") is None
        assert one.ready("b") is not None


async def test_a_vault_that_is_away_is_asked_again_soon_however_long_it_was_away() -> None:
    async with well() as one:
        one.fails = lambda: VaultUnavailable("away", retry_after=1)
        for _ in range(20):
            await one.refused()
            one.now[0] += 1.1
        one.fails = None
        assert await one.obtain() == 21
