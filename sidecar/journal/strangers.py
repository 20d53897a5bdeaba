"""Rejections: a journal of their own, summed up beyond a rate, so that strangers can neither stop nor fill anything."""

from collections.abc import Callable
from typing import Final

from sidecar.events import Attribute, Event, Name, Value
from sidecar.journal.ring import Full, Ring

EACH_SECOND: Final = 100
"""Rejections that are kept one by one in any second; the others are counted by code."""
_MOST_CODES: Final = 100


class Strangers:
    """Takes rejections: the first of each second as they are, the rest as one event for each code."""

    def __init__(self, ring: Ring, *, clock: Callable[[], float], each_second: int = EACH_SECOND) -> None:
        self._ring = ring
        self._clock = clock
        self._each_second = each_second
        self._second = 0
        self._kept = 0
        self._counts: dict[str, int] = {}
        self.summed_up = 0
        """Rejections that weren't kept one by one, since the start."""

    def take(self, event: bytes, code: str) -> None:
        """Keep *event*, or count it under *code*."""
        self.tick()
        if self._kept < self._each_second:
            try:
                self._ring.append(event)
            except Full:
                pass
            else:
                self._kept += 1
                return
        self.summed_up += 1
        code = code if code in self._counts or len(self._counts) < _MOST_CODES else "other"
        self._counts[code] = self._counts.get(code, 0) + 1

    def tick(self) -> None:
        """Sum up once the second is over."""
        second = int(self._clock())
        if second != self._second:
            self._second = second
            self._kept = 0
            self.sum_up()

    def sum_up(self) -> None:
        """Record what was counted until now; what there is no room for stays counted."""
        if not self._counts:
            return
        time_ns = int(self._clock() * 1e9)
        for code, count in list(self._counts.items()):
            attributes: dict[str, Value] = {Attribute.OUTCOME: "refused", Attribute.ERROR: code, Attribute.COUNT: count}
            try:
                self._ring.append(Event(Name.REJECTED, time_ns, "", "", attributes).encode())
            except Full:
                return
            del self._counts[code]
