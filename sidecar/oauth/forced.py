"""How often new things may be forced, by whom: nobody who forces too many takes from anybody else. Pure."""

from collections import OrderedDict, deque
from collections.abc import Hashable

from sidecar.errors import RateLimited

MOST_FORCED, FORCED_SECONDS = 10, 60.0
"""How many new things one may force in what time."""


class Forced:
    def __init__(self, name: str) -> None:
        """*name* is the provider's."""
        self._name = name
        self._times: OrderedDict[Hashable, deque[float]] = OrderedDict()
        """By whom, who forced last at the end."""

    def note(self, by: Hashable, now: float) -> None:
        """*by* forces one at *now* (epoch seconds). Raise ``RateLimited``."""
        times = self._times.get(by)
        if times is None:
            self._forget(now)
            times = self._times[by] = deque(maxlen=MOST_FORCED)
        while times and not 0 <= now - times[0] < FORCED_SECONDS:
            times.popleft()
        if len(times) == MOST_FORCED:
            wait = max(1, round(times[0] + FORCED_SECONDS - now))
            mend = "Ask without force: what is held is given then, and is replaced before it expires."
            raise RateLimited(f"{self._name}: new tokens are forced too often", mend=mend, retry_after=wait)
        times.append(now)
        self._times.move_to_end(by)

    def _forget(self, now: float) -> None:
        """Those of whom nothing counts any more."""
        while self._times:
            by, times = next(iter(self._times.items()))
            if times and 0 <= now - times[-1] < FORCED_SECONDS:
                return
            del self._times[by]

    def __len__(self) -> int:
        return len(self._times)
