"""What a provider gives for one call, and who is asked for it. Pure.

The door knows three things of a provider: which fields of a request are its own (``Source.fills``, ``parameter``),
whether it has a credential at once (``ready``), and how to wait for one (``obtain``).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from sidecar.identity.principal import Principal
from sidecar.secret import Secret


@dataclass(slots=True)  # not frozen: a frozen one takes thrice as long to make
class Ask:
    """For whom, and for what, a credential is asked. It isn't changed once it is made."""

    principal: Principal | None
    """``None``: for the agent itself, or for nobody on an unattended route."""
    scopes: frozenset[str] = frozenset()
    invocation: bytes = b""
    """Its id, never its handle."""
    trace_id: bytes = b""
    span_id: bytes = b""
    force: bool = False
    """Whether what is held won't do: the one who asks has seen it refused."""
    actors: tuple[str, ...] = ()
    """The agents so far, the last one first, where they aren't those of ``principal``."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What is attached to a request, or handed out."""

    token: Secret
    """The bare token or key."""
    lines: bytes = field(default=b"", repr=False)
    """Header lines, each with its CRLF, that stand in the place of what ``Source.fills`` names."""
    query: bytes = field(default=b"", repr=False)
    """``name=value``, percent-encoded, in the place of every parameter of ``Source.parameter``'s name."""
    token_type: str = "Bearer"  # noqa: S105 - RFC 6750's word
    expires: float | None = None
    """Epoch seconds; ``None``: never, or the provider didn't say."""
    scopes: frozenset[str] = frozenset()
    """Those that were granted, in the provider's form."""
    written: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)
    """What has been written of it, by what it is for: made once, and gone with it."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request as it will be sent, for a credential that is a signature over it."""

    method: str
    scheme: str
    authority: str
    target: str
    """Path and query, raw, as they are sent."""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """What goes out, in its order, without framing."""
    placeholder: str = field(default="", repr=False)
    """The ``Authorization`` that the agent's client sent, which never leaves: it may say what it was meant for."""


class Signing(Protocol):
    """A credential that is a signature over the request."""

    def needs_body(self, outgoing: Outgoing) -> bool:
        """Whether the signature covers the body, so that it has to be gathered before anything is sent."""

    def sign(self, outgoing: Outgoing, body: bytes | None) -> bytes:
        """All header lines that are sent, each with its CRLF: those that are kept and those that are added."""


class Source(Protocol):
    """Where the credentials of one configured provider come from."""

    @property
    def fills(self) -> frozenset[bytes]:
        """Lower-case names of the headers that are replaced, whatever the agent put there."""

    @property
    def parameter(self) -> bytes:
        """The name of the query parameter that is replaced, decoded; empty without one."""

    def ready(self, ask: Ask) -> Credential | Signing | None:
        """At once what is held or can be made; ``None``: it has to be obtained. Raise a ``Refusal``."""

    async def obtain(self, ask: Ask) -> Credential | Signing:
        """Wait for it. Raise a ``Refusal``. Who stops waiting takes nothing from others that wait for the same."""

    def close(self) -> None:
        """Forget what is held and end what is under way: the provider is gone, or no longer what it was."""


@runtime_checkable
class Personal(Protocol):
    """A source that holds what is some principal's."""

    def forget(self, meant: Callable[[str], bool]) -> int:
        """Forget what is held for principals whose id is *meant*; return how many things. Who waits for one is told."""
