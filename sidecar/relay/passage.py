"""What a door and the relay say to each other."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from sidecar.errors import Refusal
from sidecar.relay.head import Head, Shapes
from sidecar.relay.pool import Pool


class Outcome(StrEnum):
    """How a passage ended."""

    DONE = "done"
    CALLER_GONE = "caller_gone"
    AGENT_GONE = "agent_gone"
    TIMED_OUT = "timed_out"
    REFUSED = "refused"
    STOPPED = "stopped"


class Peer:
    """Who is at the other end of a connection; ``memo`` is the door's own note about it."""

    __slots__ = ("address", "memo", "tls")

    def __init__(self, address: str, *, tls: bool) -> None:
        self.address = address
        """An IP address, or empty on a unix socket."""
        self.tls = tls
        self.memo: Any = None


class Passage:
    """A request that was let in: where it goes, and as what. Doors extend it with what they remember of it."""

    __slots__ = ("head", "mark", "pool")

    def __init__(self, pool: Pool, head: bytes, mark: bytes) -> None:
        self.pool = pool
        self.head = head
        """Request line and fields, each with its CRLF, without framing and without the empty line."""
        self.mark = mark
        """Fields, each with its CRLF, that the answer gets."""

    def ended(self, outcome: Outcome, status: int) -> None:
        """Called once, with the answer's status or 0."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What goes with a refusal: the trace it belongs to and fields of its own."""

    trace_id: str
    fields: Sequence[tuple[str, str]] = ()


class Door(Protocol):
    """Decides about each request head. It waits only where it must: ``admit`` answers at once or hands back what to
    wait for."""

    @property
    def shapes(self) -> Shapes[Any]: ...

    def admit(self, head: Head[Any], peer: Peer) -> Passage | Awaitable[Passage]:
        """Raise ``Refusal``."""

    def refused(self, refusal: Refusal, head: Head[Any] | None, peer: Peer) -> Notice:
        """Record a refusal, of the door's own or of the relay's, and say what its answer carries."""

    def drops(self, name: bytes) -> bool:
        """Whether a caller's field of this lower-case name is never passed on, trailers included."""
