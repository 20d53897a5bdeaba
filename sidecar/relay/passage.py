"""What a door and the relay say to each other."""

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from sidecar.errors import Refusal
from sidecar.relay.answer import Answer, Answers
from sidecar.relay.head import Head, Shapes
from sidecar.relay.pool import Pool

if TYPE_CHECKING:
    import ssl


BODILESS = (204, 304)
"""Statuses whose answers have no body (RFC 9110, sections 15.3.5 and 15.4.5)."""


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

    __slots__ = ("address", "connection", "source", "tls", "tunnel")

    def __init__(self, address: str, *, tls: bool, connection: Stoppable | None = None, tunnel: Any = None) -> None:
        self.address = address
        """An IP address, or empty on a unix socket."""
        self.source = address, tls
        self.connection = connection
        self.tls = tls
        self.tunnel = tunnel
        """What the door said with the ``Opening`` from which this connection came."""


class Way(IntEnum):
    """How a request gets to its upstream."""

    STREAMED = 0
    GATHERED = 1
    """Once its body is here, whole: what becomes of it depends on that."""
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


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the sidecar's own, in place of an upstream's."""

    status: int
    lines: bytes
    """Fields, each with its CRLF, without framing."""
    body: bytes = field(default=b"", repr=False)
    code: str = ""
    """Of the refusal that it is: it becomes ``Sidecar-Error``."""


class Sieve(Protocol):
    """Rewrites the body of one answer. Whatever it raises as ``ValueError`` ends the answer: it can't be passed on."""

    whole: bool
    """The answer is held until it is complete, so that it has a length, and a failure is a refusal and no cut."""

    def feed(self, data: bytes) -> bytes:
        """What may go on now that *data* has come."""

    def end(self) -> bytes:
        """What is left to go on: the answer is complete."""


class Gathered(Passage):
    """A passage that is decided by its body, and whose answer may be rewritten."""

    __slots__ = ()

    way = Way.GATHERED
    most = 0
    """The largest body that is waited for, in bytes."""
    body: bytes | None = None
    """What is sent in place of the body that came; ``None``: that one."""

    @abstractmethod
    def gathered(self, body: bytes) -> bytes | Reply | Awaitable[bytes | Reply]:
        """The head that is sent with *body*, as ``Passage.head``, or what is answered at once. Raise ``Refusal``."""

    def sieve(self, _answer: Answer) -> Sieve | None:
        """What rewrites the body behind this head; ``None``: it passes as it is. Raise ``ValueError``: it doesn't."""
        return None

    def streaming(self, push: Callable[[bytes], None]) -> None:
        """An answer that is rewritten as it comes has begun: *push* puts bytes of ours into it, as long as it lasts."""


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
