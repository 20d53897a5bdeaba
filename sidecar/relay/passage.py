"""What a door and the relay say to each other."""

from abc import abstractmethod
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from sidecar.errors import Refusal
from sidecar.relay.answer import Answers
from sidecar.relay.head import Head, Shapes
from sidecar.relay.pool import Pool

if TYPE_CHECKING:
    import ssl


class Outcome(StrEnum):
    """How a passage ended."""

    DONE = "done"
    CALLER_GONE = "caller_gone"
    AGENT_GONE = "agent_gone"
    TIMED_OUT = "timed_out"
    REFUSED = "refused"
    STOPPED = "stopped"


class Stoppable(Protocol):
    def stop(self) -> None:
        """End it now, with whatever it carries."""


class Tunnel(Protocol):
    """What a door remembers of a connection that an ``Opening`` made, as long as it lasts."""

    def opened(self, connection: Stoppable) -> None: ...
    def closed(self, connection: Stoppable) -> None: ...


class Peer:
    """Who is at the other end of a connection."""

    __slots__ = ("address", "connection", "tls", "tunnel")

    def __init__(self, address: str, *, tls: bool, connection: Stoppable | None = None, tunnel: Any = None) -> None:
        self.address = address
        """An IP address, or empty on a unix socket."""
        self.connection = connection
        self.tls = tls
        self.tunnel = tunnel
        """What the door said with the ``Opening`` from which this connection came."""


class Way(IntEnum):
    """How a request gets to its upstream."""

    STREAMED = 0
    GATHERED = 1
    """Once its body is here, whole: the head depends on it."""
    BLIND = 2
    """It is a CONNECT: whatever follows goes both ways, unread."""


class Passage:
    """A request that was let in: where it goes, and as what. Doors extend it with what they remember of it."""

    __slots__ = ("head", "mark", "pool")

    way = Way.STREAMED
    timeouts: "Times | None" = None
    """Where this passage has time limits of its own."""
    answers: Answers | None = None
    """Reads its answers' heads, where the listener's own reader won't do."""
    owner: str | None = None
    """For whom its connection to the upstream is kept; ``None``: for all of whom nothing else is said."""

    def __init__(self, pool: Pool, head: bytes, mark: bytes) -> None:
        self.pool = pool
        self.head = head
        """Request line and fields, each with its CRLF, without framing and without the empty line."""
        self.mark = mark
        """Fields, each with its CRLF, that the answer gets."""

    def ended(self, outcome: Outcome, status: int) -> None:
        """Called once, with the answer's status or 0."""


@dataclass(frozen=True, slots=True)
class Times:
    """In seconds."""

    first_byte: float
    idle: float


class Gathered(Passage):
    """A passage whose head depends on the body."""

    __slots__ = ()

    way = Way.GATHERED
    most = 0
    """The largest body that is waited for, in bytes."""

    @abstractmethod
    def gathered(self, body: bytes) -> bytes:
        """The head that is sent with *body*, as ``Passage.head``. Raise ``Refusal``."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A CONNECT that is let in and goes on, on the same connection, as TLS of our own: its requests come to the same
    door, from a peer that has *tunnel*."""

    context: "ssl.SSLContext | None"
    """``None``: it goes on in plain HTTP."""
    tunnel: Tunnel
    host: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What goes with a refusal: the trace it belongs to and fields of its own."""

    trace_id: str
    fields: Sequence[tuple[str, str]] = ()
    phrase: str | None = None
    """The reason phrase, where it has to say more than the status's own."""


class Door(Protocol):
    """Decides about each request head. It waits only where it must: ``admit`` answers at once or hands back what to
    wait for."""

    @property
    def shapes(self) -> Shapes[Any]: ...

    def admit(self, head: Head[Any], peer: Peer) -> "Passage | Opening | Awaitable[Passage | Opening]":
        """Raise ``Refusal``."""

    def refused(self, refusal: Refusal, head: Head[Any] | None, peer: Peer) -> Notice:
        """Record a refusal, of the door's own or of the relay's, and say what its answer carries."""

    def drops(self, name: bytes) -> bool:
        """Whether a caller's field of this lower-case name is never passed on, trailers included."""
