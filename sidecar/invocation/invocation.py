"""One call of the agent by one principal: opened at the front door, dead soon after its answer has ended.

A handle is dead the moment its time has passed, whether or not anybody has tidied up: ``find`` compares times.
What an invocation holds open (``hold``) is stopped when its last handle dies: by what kills it, or by the next
``sweep``, which somebody has to call several times a second.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from sidecar.errors import InvocationAmbiguous, InvocationInvalid, RateLimited
from sidecar.identity.principal import Principal
from sidecar.invocation.handle import Handles, digest

_AT_ONCE = 4
"""How many of the dead one request buries: its latency isn't theirs."""
_NEVER = float("inf")
_LONG_AGO = float("-inf")


class Stream(Protocol):
    """What an invocation may have open on egress: a connection, a tunnel."""

    def stop(self) -> None:
        """End it now. It may call ``Invocations.release``; it doesn't raise."""


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
    token_dies: float = _NEVER
    """Monotonic seconds at which no handle of it is good any more, since its token isn't."""
    detached: int = 0
    """How many handles it has that outlive its response,"""
    detached_dies: float = _LONG_AGO
    """and when the last of them dies."""
    streams: dict[Stream, int] | None = field(default=None, repr=False)
    """What it has open, and how often each is held."""

    def dies_at_last(self) -> float:
        """When the last of its handles dies."""
        return max(self.dies, self.detached_dies)


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """In seconds."""

    linger: float = 30.0
    """0 with ``agent.concurrency: one``."""
    most: float = 3600.0
    end_with_token: bool = False
    detach: float | None = None
    """How long a handle that outlives its response may live; ``None``: there are none."""


class Invocations:
    """The invocations that are alive, found by handle. In memory only: a handle never outlives the process."""

    MOST_LINGERING = 10_000
    MOST_DETACHED = 16
    """Detached handles of one invocation."""

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
        self._detached: dict[bytes, tuple[Invocation, float]] = {}
        """With the moment at which the handle dies."""
        self._lingering: deque[Invocation] = deque()

    # handles

    def open(
        self, principal: Principal, trace_id: bytes, span_id: bytes, token_seconds: float
    ) -> tuple[Invocation, bytes]:
        """A new invocation and its handle. *token_seconds*: for how long the caller's token is still good."""
        now = self._clock()
        lifetimes = self.lifetimes
        handle, key = self._handles.make()
        invocation = Invocation(principal, span_id, trace_id, key, now + lifetimes.most)
        if lifetimes.end_with_token:
            invocation.token_dies = now + token_seconds
            invocation.dies = min(invocation.dies, invocation.token_dies)
        self._alive[key] = invocation
        return invocation, handle

    def attach(self, invocation: Invocation) -> bytes:
        """A second handle for *invocation*: it may travel in ``baggage``, so it names no one to the identity API."""
        handle, invocation.attach_key = self._handles.make()
        self._attaching[invocation.attach_key] = invocation
        return handle

    def detach(self, invocation: Invocation, seconds: float) -> bytes | None:
        """One more handle for *invocation*, that lives for *seconds* from now, be the response under way or not, and
        for ``Lifetimes.detach`` at most; ``None`` where there are none.

        Raise ``InvocationInvalid`` once the invocation's own handle is dead, so that one detached handle can't beget
        the next for ever, and ``RateLimited`` where it has too many.
        """
        most, now = self.lifetimes.detach, self._clock()
        if most is None:
            return None
        if invocation.dies <= now:
            raise InvocationInvalid("its own handle is dead, and a detached one is not prolonged")
        if invocation.detached >= self.MOST_DETACHED or len(self._detached) >= self._most_lingering:
            raise RateLimited("as many detached handles as there may be", mend="Use the handles that were given out.")
        handle, key = self._handles.make()
        dies = min(now + min(seconds, most), invocation.token_dies)
        invocation.detached += 1
        invocation.detached_dies = max(invocation.detached_dies, dies)
        self._detached[key] = (invocation, dies)
        return handle

    def find(self, handle: bytes) -> Invocation | None:
        """The living invocation that *handle* names."""
        key = digest(handle)
        invocation = self._alive.get(key)
        if invocation is not None:
            return invocation if invocation.dies > self._clock() else None
        found = self._detached.get(key)
        return found[0] if found is not None and found[1] > self._clock() else None

    def find_attaching(self, handle: bytes) -> Invocation | None:
        """The living invocation that *handle*, made by ``attach``, may attach for."""
        invocation = self._attaching.get(digest(handle))
        return invocation if invocation is not None and invocation.dies > self._clock() else None

    def living(self, invocation: Invocation) -> bool:
        """Whether some handle of *invocation* is alive."""
        return invocation.dies_at_last() > self._clock()

    def only(self) -> Invocation | None:
        """The one invocation that is alive, if there is one. Raise ``InvocationAmbiguous`` where there are several."""
        found: Invocation | None = None
        for invocation in self._every():
            if invocation is not found and self.living(invocation):
                if found is not None:
                    raise InvocationAmbiguous("more than one invocation is open")
                found = invocation
        return found

    # what it has open

    def hold(self, invocation: Invocation, stream: Stream) -> None:
        """Stop *stream* when *invocation* dies; at once where it is dead already. As often as it is held it has to be
        released."""
        if not self.living(invocation):
            stream.stop()
            return
        if invocation.streams is None:
            invocation.streams = {}
        invocation.streams[stream] = invocation.streams.get(stream, 0) + 1

    def release(self, invocation: Invocation, stream: Stream) -> None:
        """*stream* is of no more concern; nothing happens where it isn't held."""
        streams = invocation.streams
        if streams is None or stream not in streams:
            return
        streams[stream] -= 1
        if not streams[stream]:
            del streams[stream]

    # death

    def end(self, invocation: Invocation) -> None:
        """Its response has ended: it lingers for what its agent still has under way."""
        if invocation.ended or invocation.key not in self._alive:
            return
        invocation.ended = True
        now = self._clock()
        dies = now + self.lifetimes.linger
        if dies < invocation.dies:
            invocation.dies = dies
        lingering = self._lingering
        if invocation.dies <= now:
            self._forget(invocation, now)
        else:
            lingering.append(invocation)
        if lingering and (lingering[0].dies <= now or len(lingering) > self._most_lingering):
            self._bury(now, _AT_ONCE)

    def end_all(self, doomed: Callable[[Principal], bool]) -> int:
        """Kill at once those whose principal is *doomed*; return how many."""
        dead = {id(each): each for each in self._every() if doomed(each.principal)}
        self._detached = {key: each for key, each in self._detached.items() if id(each[0]) not in dead}
        now = self._clock()
        for invocation in dead.values():
            invocation.detached_dies = _LONG_AGO
            self._forget(invocation, now)
        if dead:
            self._tidy()
        return len(dead)

    def sweep(self) -> None:
        """Forget the dead, those that never ended included, and stop what they hold."""
        now = self._clock()
        dead = [each for each in self._alive.values() if each.dies <= now]
        for invocation in dead:
            self._forget(invocation, now)
        if dead:
            self._tidy()
        for key, (invocation, dies) in [*self._detached.items()]:
            if dies <= now:
                del self._detached[key]
                invocation.detached -= 1
                self._stop(invocation, now)

    def _every(self) -> Iterator[Invocation]:
        """All that may be alive, some of them several times."""
        yield from self._alive.values()
        for invocation, _ in self._detached.values():
            yield invocation

    def _tidy(self) -> None:
        self._lingering = deque(each for each in self._lingering if each.key in self._alive)

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
            self._forget(lingering.popleft(), now)
            most -= 1

    def _forget(self, invocation: Invocation, now: float) -> None:
        """Its own handles are dead, whatever time they had left; those that were detached may live on."""
        invocation.dies = _LONG_AGO
        self._alive.pop(invocation.key, None)
        if invocation.attach_key:
            self._attaching.pop(invocation.attach_key, None)
        self._stop(invocation, now)

    def _stop(self, invocation: Invocation, now: float) -> None:
        """Stop what *invocation* has open, if it is dead, each once."""
        streams = invocation.streams
        if streams and invocation.dies_at_last() <= now:
            invocation.streams = None
            for stream in streams:
                stream.stop()
