"""The journal: an event is recorded before the answer that it describes is sent, and drained off the hot path.

Two rings in ``state.dir/journal``: ``events.ring``, which refuses when it is full, and ``rejected.ring`` for
strangers, which never does. Each is drained into its own log in ``state.dir/audit``; what else wants the events
(stdout, a collector) follows those files.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from sidecar.errors import AuditUnavailable
from sidecar.events import Attribute, Event, Name, Value
from sidecar.journal.audit import DAY, AuditLog
from sidecar.journal.collector import Collector
from sidecar.journal.drain import Drain
from sidecar.journal.follower import Follower
from sidecar.journal.otlp import LogRecords
from sidecar.journal.place import Place, explain
from sidecar.journal.recovery import Aside, take_up
from sidecar.journal.ring import Full, Ring
from sidecar.journal.spans import Spans
from sidecar.journal.stdout import Stdout
from sidecar.journal.strangers import Strangers
from sidecar.journal.tail import Tail

_log = logging.getLogger("sidecar.journal")
_EVERY: Final = 0.2  # seconds between two drains at most
_BEHIND: Final = 1 << 20  # bytes left after a batch that make another one due at once
_SLOWEST: Final = 5.0  # seconds between two tries at most while the disk refuses
_HOUR: Final = 3600.0
_SETTLE: Final = 1.0  # seconds before OpenTelemetry is imported, since that would delay the first answers
STRANGERS_MOST: Final = 256 << 20
"""Bytes of all the files of rejections together: the oldest are deleted beyond."""


@dataclass(frozen=True, slots=True)
class Level:
    """How the journal stands, for metrics and readiness."""

    unread: int
    """Bytes in the ring that the log doesn't have yet."""
    capacity: int
    """Bytes that the ring holds."""
    recorded: int
    """The last event's sequence number."""
    drained: int
    """The sequence number of the last event in the log."""
    lost: int
    """Events that didn't fit where ``audit.required`` is false, since the start."""
    refused: int
    """Calls that were refused for want of room, since the start."""
    rejections: int
    """The last rejection's sequence number."""
    summed_up: int
    """Rejections that were only counted, since the start."""
    failure: str | None
    """Why the log can't be written at the moment."""
    behind: Mapping[str, int]
    """Events and rejections in the log that a destination (``stdout``, ``collector``) doesn't have yet."""
    spans_dropped: int
    """Spans that there was no room for, since the start."""


class Journal:
    """Records events. One thread's, that of the event loop."""

    def __init__(
        self,
        place: Place,
        events: Drain,
        rejected: Drain,
        *,
        required: bool,
        clock: Callable[[], float],
        followers: Sequence[Follower] = (),
        spans: Spans | None = None,
    ) -> None:
        self._place = place
        self._drains = (events, rejected)
        self._append = events.ring.append
        self._strangers = Strangers(rejected.ring, clock=clock)
        self._required = required
        self._clock = clock
        self._followers = followers
        self.spans = spans
        """Takes requests that have ended; ``None`` without a collector."""
        self._writer = ThreadPoolExecutor(1, "journal")
        self._lost = self._untold = self._refused = 0
        self._failure: str | None = None
        self._expired = 0.0

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        size: int,
        required: bool,
        clock: Callable[[], float],
        keep: float = 400 * DAY,
        stdout: bool = False,
        collector: Collector | None = None,
    ) -> "Journal":
        """Open the journal in *directory* (``state.dir``): the ring's *size* in bytes, the log's *keep* in seconds.

        Takes up what a process before has left. Raise ``Unusable`` where the place is taken, or can't be written.
        """
        with ExitStack() as failed:
            try:
                place = Place.take(directory)
                failed.callback(place.leave)
                logs = [AuditLog(place.logs, "events", keep=keep)]
                logs.append(AuditLog(place.logs, "rejected", keep=keep, most=STRANGERS_MOST))
                followers = _followers(place, logs, stdout, collector)
                rooms = (size, max(size // 16, 1 << 20))
                drains = [_drain(place, log, room, clock()) for log, room in zip(logs, rooms, strict=True)]
            except OSError as error:
                raise explain(directory, size, error) from error
            failed.pop_all()
        spans = None if collector is None else Spans(replace(collector, instance=place.instance))
        return cls(place, *drains, required=required, clock=clock, followers=followers, spans=spans)

    # Recording: the hot path.

    def record(self, event: bytes) -> None:
        """Keep *event* (``Event.encode``, ``Template.fill``), even if this process dies. Raise ``AuditUnavailable``."""
        try:
            self._append(event)
        except Full:
            self._no_room()

    def reject(self, event: bytes, code: str) -> None:
        """Keep the rejection of a stranger, or count it under *code*. Never raises, never waits."""
        self._strangers.take(event, code)

    def _no_room(self) -> None:
        if self._required:
            self._refused += 1
            raise AuditUnavailable(
                f"the event journal is full: {self._failure or 'it is drained more slowly than filled'}"
            )
        self._lost += 1
        self._untold += 1

    # Draining.

    async def run(self) -> None:
        """Drain until cancelled: five times a second, sooner when a ring is half full, later while the disk refuses."""
        for follower in self._followers:
            follower.start()
        if self.spans is not None:
            self.spans.start()
        wake = asyncio.Event()
        for drain in self._drains:
            drain.ring.half_full = wake.set
        pause = _EVERY
        while True:
            if self._failure is None:
                pause = _EVERY
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await wake.wait()
                wake.clear()
            else:  # a full ring would wake us at each call, to no use
                await asyncio.sleep(pause)
                pause = min(2 * pause, _SLOWEST)
            await self._drain()

    async def _drain(self) -> None:
        self._strangers.tick()
        loop = asyncio.get_running_loop()
        try:
            for drain in self._drains:
                left = drain.ring.unread
                while left:
                    drain.settle(await loop.run_in_executor(self._writer, drain.write, self._clock()))
                    self._new_lines()
                    # What came meanwhile waits for the next turn: under load the ring is never empty, and each batch
                    # costs a thread's wake-up and a sync.
                    left = drain.ring.unread if drain.ring.unread > _BEHIND else 0
            if self._clock() - self._expired > _HOUR:
                self._expired = self._clock()
                await loop.run_in_executor(self._writer, self._expire)
        except OSError as error:
            self._fails(error)
        else:
            self._works()

    def _new_lines(self) -> None:
        for follower in self._followers:
            follower.wake()

    def _expire(self) -> None:
        for drain in self._drains:
            drain.log.expire(self._expired)

    def _fails(self, error: OSError) -> None:
        """Say once that the log can't be written."""
        if self._failure is None:
            _log.error(
                "journal: %s can't be written: %s. Events stay in the ring; when it is full, %s",
                self._drains[0].log.directory,
                error.strerror,
                "calls are refused" if self._required else "events are lost",
            )
        self._failure = error.strerror or str(error)

    def _works(self) -> None:
        if self._failure is not None:
            _log.warning("journal: %s can be written again", self._drains[0].log.directory)
        self._failure = None
        if self._untold:
            lost = Event(Name.EVENTS_LOST, int(self._clock() * 1e9), "", "", {Attribute.COUNT: self._untold})
            with suppress(Full):
                self._append(lost.encode())
                self._untold = 0

    def close(self, seconds: float = 5.0) -> None:
        """Drain what is left, give the followers *seconds* to bring it to its place, and let go of the directory."""
        self._writer.shutdown()
        self._strangers.sum_up()
        try:
            for drain in self._drains:
                drain.all(self._clock())
        except OSError as error:
            self._fails(error)
        self._new_lines()
        deadline = time.monotonic() + seconds
        for follower in self._followers:
            follower.close(max(0.0, deadline - time.monotonic()))
        if self.spans is not None:
            self.spans.close(max(0.0, deadline - time.monotonic()))
        for drain in self._drains:
            drain.ring.close()
            drain.log.close()
        self._place.leave()

    def level(self) -> Level:
        events, rejected = self._drains
        last = {drain.log.name: drain.log.last_seq for drain in self._drains}
        return Level(
            unread=events.ring.unread,
            capacity=events.ring.capacity,
            recorded=events.ring.next_seq - 1,
            drained=events.log.last_seq,
            lost=self._lost,
            refused=self._refused,
            rejections=rejected.ring.next_seq - 1,
            summed_up=self._strangers.summed_up,
            failure=self._failure,
            behind={follower.name: follower.behind(last) for follower in self._followers},
            spans_dropped=0 if self.spans is None else self.spans.dropped,
        )


def _followers(place: Place, logs: Sequence[AuditLog], stdout: bool, collector: Collector | None) -> list[Follower]:
    """Whoever wants the events besides the log, each behind what the log has now."""
    followers = []
    if stdout:
        followers.append(Follower(Stdout(), [Tail(place.logs, log.name, log.last_seq) for log in logs]))
    if collector is not None:
        tails = [Tail(place.logs, log.name, log.last_seq, place.logs / f"otlp-{log.name}.cursor") for log in logs]
        records = LogRecords(replace(collector, instance=place.instance))
        followers.append(Follower(records, tails, settle=_SETTLE))
    return followers


def _drain(place: Place, log: AuditLog, size: int, now: float) -> Drain:
    """The reader of *log*'s ring, which holds what a process before has left. Raise ``OSError``."""
    ring, aside = take_up(place.rings / f"{log.name}.ring", size, log, now)
    if aside is not None:
        _record_damage(ring, aside, now)
    return Drain(ring, log)


def _record_damage(ring: Ring, aside: Aside, now: float) -> None:
    attributes: dict[str, Value] = {Attribute.JOURNAL_FILE: aside.path.name, Attribute.RECOVERED: aside.recovered}
    with suppress(Full):  # the log says it as well
        ring.append(Event(Name.JOURNAL_DAMAGED, int(now * 1e9), "", "", attributes).encode())
