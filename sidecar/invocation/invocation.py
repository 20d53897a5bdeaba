"""One call of the agent by one principal: opened at the front door, dead soon after its answer has ended."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from sidecar.identity.principal import Principal
from sidecar.invocation.handle import Handles, digest

_AT_ONCE = 4
"""How many of the dead one request buries: its latency isn't theirs."""


@dataclass(slots=True, eq=False)
class Invocation:
    principal: Principal
    id: bytes
    """For the record: the span's id, never the handle."""
    trace_id: bytes
    key: bytes
    """The handle's digest."""
    dies: float
    """Monotonic seconds at which the handle dies, at the latest."""
    ended: bool = False
    """Its response has ended: it lingers."""
    attach_key: bytes = b""
    """The digest of its second handle, that is good only for attaching on routes; empty without one."""


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """In seconds."""

    linger: float = 30.0
    most: float = 3600.0
    end_with_token: bool = False


class Invocations:
    """The invocations that are alive, found by handle. In memory only: a handle never outlives the process."""

    MOST_LINGERING = 10_000

    def __init__(
        self,
        lifetimes: Lifetimes,
        *,
        handles: Handles,
        clock: Callable[[], float],
        most_lingering: int = MOST_LINGERING,
    ) -> None:
        self.lifetimes = lifetimes
        self._handles = handles
        self._clock = clock
        self._most_lingering = most_lingering
        self._alive: dict[bytes, Invocation] = {}
        self._attaching: dict[bytes, Invocation] = {}
        self._lingering: deque[Invocation] = deque()

    def open(
        self, principal: Principal, trace_id: bytes, span_id: bytes, token_seconds: float
    ) -> tuple[Invocation, bytes]:
        """A new invocation and its handle. *token_seconds*: for how long the caller's token is still good."""
        now = self._clock()
        lifetimes = self.lifetimes
        seconds = min(lifetimes.most, token_seconds) if lifetimes.end_with_token else lifetimes.most
        handle, key = self._handles.make()
        invocation = Invocation(principal, span_id, trace_id, key, now + seconds)
        self._alive[key] = invocation
        return invocation, handle

    def attach(self, invocation: Invocation) -> bytes:
        """A second handle for *invocation*: it may travel in ``baggage``, so it names no one to the identity API."""
        handle, invocation.attach_key = self._handles.make()
        self._attaching[invocation.attach_key] = invocation
        return handle

    def find(self, handle: bytes) -> Invocation | None:
        """The living invocation that *handle* names."""
        return self._living(self._alive.get(digest(handle)))

    def find_attaching(self, handle: bytes) -> Invocation | None:
        """The living invocation that *handle*, made by ``attach``, may attach for."""
        return self._living(self._attaching.get(digest(handle)))

    def _living(self, invocation: Invocation | None) -> Invocation | None:
        return invocation if invocation is not None and invocation.dies > self._clock() else None

    def end(self, invocation: Invocation) -> None:
        """Its response has ended: it lingers for what its agent still has under way."""
        if invocation.ended or invocation.key not in self._alive:
            return
        invocation.ended = True
        now = self._clock()
        invocation.dies = min(invocation.dies, now + self.lifetimes.linger)
        self._lingering.append(invocation)
        self._bury(now, _AT_ONCE)

    def end_all(self, doomed: Callable[[Principal], bool]) -> int:
        """Kill at once those whose principal is *doomed*; return how many."""
        dead = [each for each in self._alive.values() if doomed(each.principal)]
        for invocation in dead:
            self._forget(invocation)
        self._lingering = deque(each for each in self._lingering if each.key in self._alive)
        return len(dead)

    def sweep(self) -> None:
        """Forget the dead, those that never ended included."""
        now = self._clock()
        self._bury(now, len(self._lingering))
        for invocation in [each for each in self._alive.values() if each.dies <= now and not each.ended]:
            self._forget(invocation)

    @property
    def open_count(self) -> int:
        return len(self._alive) - len(self._lingering)

    @property
    def lingering_count(self) -> int:
        return len(self._lingering)

    def _bury(self, now: float, most: int) -> None:
        """Forget those of the longest lingering, *most* of them, whose time has come or that are too many."""
        lingering = self._lingering
        while most and lingering and (lingering[0].dies <= now or len(lingering) > self._most_lingering):
            self._forget(lingering.popleft())
            most -= 1

    def _forget(self, invocation: Invocation) -> None:
        self._alive.pop(invocation.key, None)
        if invocation.attach_key:
            self._attaching.pop(invocation.attach_key, None)
