"""What is got from elsewhere once and kept while it is good: one fetch however many wait for it, a new one while the
old is still good, and a pause after what failed.

A caller never fetches: it waits for the one fetch that is under way, so that a caller that goes away takes nothing with
it. What failed is not tried again at once: for a moment, longer each time, everyone is told the same.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from sidecar.errors import Internal, ProviderTimeout, ProviderUnreachable, Refusal, VaultUnavailable
from sidecar.oauth.forced import Forced

log = logging.getLogger(__name__)

MOST_KEPT = 256
AHEAD_SECONDS = 300.0
"""How long before its end a thing is replaced, or a quarter of its life where that is less."""
SPARE_SECONDS = 10.0
"""How long before its end a thing is no longer used, or a tenth of its life where that is less: calls take time."""
UNSAID_SECONDS, UNSAID_MOST_SECONDS = 300.0, 3600.0
"""Where nobody says how long a thing lives: when it is replaced, and how long it is used at most."""
LONGEST_PAUSE, LONGEST_PAUSE_ASKED = 30.0, 60.0
"""After a failure, in seconds; the latter where a pause is asked for."""

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Held(Generic[V]):
    value: V
    renew: float
    """When it is replaced in the background, epoch seconds."""
    until: float
    """When it isn't used any more, epoch seconds."""


def held(value: V, now: float, life: float | None) -> Held[V]:
    """*value*, which came at *now* and lives for *life* seconds, as far as that is known."""
    if life is None:
        return Held(value, now + UNSAID_SECONDS, now + UNSAID_MOST_SECONDS)
    return Held(value, now + life - min(AHEAD_SECONDS, life / 4), now + life - min(SPARE_SECONDS, life / 10))


Get = Callable[[], Awaitable[Held[V]]]
"""Raises a ``Refusal``."""


@dataclass(slots=True)
class _Slot(Generic[V]):
    held: Held[V] | None = None
    failure: Refusal | None = None
    until: float = 0.0
    """When the failure is over, epoch seconds."""
    failures: int = 0
    under_way: "asyncio.Future[V | Refusal] | None" = None


class Kept(Generic[K, V]):
    def __init__(
        self,
        name: str,
        *,
        clock: Callable[[], float],
        tasks: asyncio.TaskGroup,
        seconds: float,
        most: int = MOST_KEPT,
    ) -> None:
        """*name* is the provider's, *clock* gives epoch seconds, *seconds* is what one fetch may take in all; *most*
        things are kept at the same time, those obtained longest ago go first."""
        self._name, self._clock, self._group, self._seconds, self._most = name, clock, tasks, seconds, most
        self._slots: OrderedDict[K, _Slot[V]] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._forced = Forced(name)
        self._closed = False

    def ready(self, key: K, get: Get[V]) -> V | None:
        """What is held for *key*, if it is still good; it is replaced in the background when its time comes."""
        slot = self._slots.get(key)
        if slot is None or slot.held is None:
            return None
        now = self._clock()
        if slot.held.until <= now:
            return None
        if slot.held.renew <= now and slot.under_way is None and self._pause(slot, now) <= 0 and not self._closed:
            self._begin(slot, get)
        return slot.held.value

    async def obtain(self, key: K, get: Get[V], *, force: bool = False, by: Hashable = None) -> V:
        """Wait for what is held or comes; with *force*, which *by* has a limit of their own for, for what comes. Raise
        a ``Refusal``."""
        value = None if force else self.ready(key, get)
        if value is not None:
            return value
        slot = self._slot(key)
        under_way = slot.under_way
        if under_way is None:
            self._may(slot)
            if force:
                self._forced.note(by, self._clock())
            under_way = self._begin(slot, get)
        outcome = await asyncio.shield(under_way)
        if isinstance(outcome, Refusal):
            raise _again(outcome, outcome.retry_after)
        return outcome

    def last(self, key: K) -> V | None:
        """What was got for *key* last, good or not."""
        slot = self._slots.get(key)
        return slot.held.value if slot is not None and slot.held is not None else None

    def drop(self, doomed: Callable[[K], bool]) -> int:
        """Forget what is held for the keys that are *doomed*, and what is under way for them: who waits for that is
        told, whoever comes later begins anew. Return for how many something was held."""
        gone = [self._slots.pop(key) for key in [key for key in self._slots if doomed(key)]]
        return sum(slot.held is not None for slot in gone)

    def close(self) -> None:
        """Forget all, and end what is under way: those who wait are refused."""
        self._closed = True
        self._slots.clear()
        for task in self._tasks:
            task.cancel()

    def _slot(self, key: K) -> _Slot[V]:
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots[key] = _Slot()
            if len(self._slots) > self._most:
                self._slots.popitem(last=False)
        self._slots.move_to_end(key)
        return slot

    def _pause(self, slot: _Slot[V], now: float) -> float:
        """Seconds for which nothing is fetched because of what failed. A clock that was set back makes none longer."""
        left = slot.until - now
        return left if slot.failure is not None and left <= LONGEST_PAUSE_ASKED else 0.0

    def _may(self, slot: _Slot[V]) -> None:
        """Raise a ``Refusal`` where nothing is to be fetched now."""
        now = self._clock()
        if self._closed:
            raise _changed(self._name)
        if slot.failure is not None and (pause := self._pause(slot, now)) > 0:
            asked = slot.failure.retry_after
            raise _again(slot.failure, None if asked is None else max(asked, round(pause)))

    def _begin(self, slot: _Slot[V], get: Get[V]) -> "asyncio.Future[V | Refusal]":
        future: asyncio.Future[V | Refusal] = asyncio.get_running_loop().create_future()
        slot.under_way = future
        task = self._group.create_task(self._run(slot, get, future))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return future

    async def _run(self, slot: _Slot[V], get: Get[V], future: "asyncio.Future[V | Refusal]") -> None:
        """Fetch, and tell everyone who waits."""
        outcome: V | Refusal = _changed(self._name)  # where this is cancelled
        try:
            async with asyncio.timeout(self._seconds):
                slot.held = await get()
            slot.failure, slot.failures = None, 0
            outcome = slot.held.value
        except TimeoutError:
            outcome = self._fail(slot, late(self._name))
        except Refusal as refusal:
            outcome = self._fail(slot, refusal)
        except Exception:  # a bug must end neither the calls that wait nor the sidecar
            log.exception("%s: no credential could be got", self._name)
            outcome = self._fail(slot, Internal(f"{self._name}: no credential could be got"))
        finally:
            slot.under_way = None
            future.set_result(outcome)

    def _fail(self, slot: _Slot[V], refusal: Refusal) -> Refusal:
        """Remember *refusal* for a moment, longer each time; a pause that was asked for is kept, within bounds."""
        ours = isinstance(refusal, VaultUnavailable)  # no pause spares anyone then, and it ought to be over soon
        pause = 1.0 if ours else min(2.0**slot.failures, LONGEST_PAUSE)
        if refusal.retry_after is not None:
            pause = max(pause, min(float(refusal.retry_after), LONGEST_PAUSE_ASKED))
        if slot.failures == 0:
            log.warning("nothing new is to be had: %s", refusal.reason)
        slot.failures = min(slot.failures + 1, 10)
        slot.failure, slot.until = refusal, self._clock() + pause
        return refusal


def late(name: str) -> ProviderTimeout:
    mend = f"Try again; if it persists, check the status of the provider {name}: it gives no credential in time."
    return ProviderTimeout(f"{name}: no credential came in time", mend=mend, retry_after=1)


def _changed(name: str) -> ProviderUnreachable:
    mend = "Send the request again: the configuration has just changed."
    return ProviderUnreachable(f"{name}: given up, its configuration has changed", mend=mend, retry_after=1)


def _again(refusal: Refusal, retry_after: int | None) -> Refusal:
    """*refusal* for one more of those who wait: an exception that is raised twice gathers the ways of both."""
    return type(refusal)(refusal.reason, mend=refusal.detail, retry_after=retry_after)
