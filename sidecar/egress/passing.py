"""A call on its way out, with its credential."""

from typing import Any

from sidecar.egress.fields import with_parameter
from sidecar.egress.record import Call
from sidecar.egress.routes import Leg
from sidecar.errors import BadRequest
from sidecar.invocation.invocation import Invocation, Invocations
from sidecar.oauth.credential import Credential, Outgoing, Signing
from sidecar.relay.head import Head
from sidecar.relay.passage import Gathered, Outcome, Passage, Peer, Stoppable, Times
from sidecar.relay.pool import Pool

MOST_SIGNED = 16 << 20
"""The largest body, in bytes, that a signature may cover: it is kept in memory until it has been hashed."""


class Outward(Passage):
    """A request on its way to a route's upstream, or past all routes."""

    __slots__ = ("_call", "_held", "_invocations", "leg", "owner", "timeouts")

    def __init__(
        self, pool: Pool, head: bytes, call: Call, peer: Peer, invocations: Invocations, times: Times | None
    ) -> None:
        self.pool = pool
        self.head = head
        self.mark = b"X-Trace-Id: %b\r\n" % call.trace_id
        self.timeouts = times
        self.leg: Leg | None = call.leg
        self._call = call
        self._invocations = invocations
        self._held: Stoppable | None = None
        caller, connection = call.caller, peer.connection
        self.owner = caller.principal.id if isinstance(caller, Invocation) else None
        if isinstance(caller, Invocation) and connection is not None:
            invocations.hold(caller, connection)
            if not call.sticks:
                self._held = connection

    @property
    def capability(self) -> str | None:
        """The one that it is let out by."""
        decision = self._call.decision
        return decision.capability if decision is not None else None

    def ended(self, outcome: Outcome, status: int) -> None:
        caller, held = self._call.caller, self._held
        if isinstance(caller, Invocation) and held is not None:
            self._invocations.release(caller, held)
        if self._call.ended is not None:
            self._call.ended(status)


class Signed(Outward, Gathered):
    """One whose credential is a signature that covers the body."""

    __slots__ = ("_outgoing", "_signing")

    most = MOST_SIGNED

    def __init__(self, *args: Any, signing: Signing, outgoing: Outgoing) -> None:
        super().__init__(*args)
        self._signing = signing
        self._outgoing = outgoing

    def gathered(self, body: bytes) -> bytes:
        return self.head + self._signing.sign(self._outgoing, body)


def attached(
    head: Head[Any], leg: Leg, target: bytes, lines: list[bytes], credential: Credential | None, parameter: bytes
) -> bytes:
    """The head that leaves, with *credential* in its place."""
    if credential is not None and credential.query:
        target = with_parameter(target, parameter, credential.query)
    first = b"%b %b HTTP/1.1\r\nHost: %b\r\n" % (head.method, target, leg.destination.authority)
    kept = b"".join([line + b"\r\n" for line in lines])
    return first + kept + (credential.lines if credential is not None else b"")


def outgoing(head: Head[Any], leg: Leg, target: bytes, lines: list[bytes]) -> Outgoing:
    """The request that is to be signed. Raise ``BadRequest`` for what no signature could cover."""
    try:
        fields = [line.decode("ascii").partition(":") for line in lines]
    except UnicodeDecodeError as error:
        raise BadRequest("a header that is to be signed isn't ASCII", mend="Send headers in ASCII alone.") from error
    authorization = head.shape.at.get(b"authorization")
    return Outgoing(
        head.method.decode(),
        leg.destination.scheme,
        leg.destination.authority.decode(),
        target.decode(),
        tuple((name, value.strip(" \t")) for name, _, value in fields),
        head.value(authorization[0]).decode("latin-1") if authorization is not None else "",
    )
