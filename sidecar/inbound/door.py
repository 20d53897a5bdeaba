"""The front door: a caller's token becomes the agent's headers.

Read ``admit`` and ``_let_in`` aloud, and they are what the front door promises: the path selects a rule, exactly one
bearer token is read, the token is verified or remembered, the event is written down, an invocation is opened, and the
agent reads who called.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any, Protocol

from sidecar.errors import AmbiguousCredentials, Refusal, TokenMalformed, TokenMissing
from sidecar.events import Template, Value, rejected
from sidecar.identity.principal import Principal
from sidecar.inbound import headers
from sidecar.inbound.challenge import challenge
from sidecar.inbound.links import Links
from sidecar.inbound.path import Rule, Rules
from sidecar.inbound.turn import Turn
from sidecar.invocation.invocation import Invocation, Invocations
from sidecar.invocation.proof import Proofs
from sidecar.journal import Ended
from sidecar.keyring.verified import Verified, Verifier
from sidecar.relay.head import Head, Shapes
from sidecar.relay.passage import Notice, Outcome, Passage, Peer
from sidecar.relay.pool import Pool
from sidecar.wire.trace import Trace, Tracer, strip_identity, tracestate

log = logging.getLogger(__name__)


@dataclass(slots=True)  # not frozen, as a Shape isn't
class Plan:
    """What the front door makes of a head's field names, once."""

    kept: tuple[int, ...]
    """Lines that go to the agent as they came."""
    kept_of_trusted: tuple[int, ...]
    """The same where the peer is a trusted proxy."""
    authorization: int
    traceparent: int
    tracestate: tuple[int, ...]
    baggage: tuple[int, ...]
    forwarding: tuple[bytes, ...]
    """Names of forwarding fields that are there."""
    preflight: bool
    """The names of a CORS preflight are there (Fetch standard, section 3.2.2)."""


@dataclass(frozen=True, slots=True)
class Caller:
    """What is made once of a verified token: the lines that say who it is, and its event."""

    principal: Principal
    lines: bytes
    admitted: Template
    attributes: Mapping[str, Value]
    """Of its events and spans."""


Kept = tuple[bytes, tuple[int, ...]]
"""The lines that pass. Where some vary from one head to the next: a template, and which they are."""
Memo = dict[tuple[str, bool], Kept]
"""The lines that pass for heads with the same fields, by the peer's address and whether it speaks TLS."""


class Journal(Protocol):
    def record(self, event: bytes) -> None:
        """Raise ``AuditUnavailable``."""

    def reject(self, event: bytes, code: str) -> None: ...


class Visit(Passage):
    """A request on its way to the agent."""

    __slots__ = ("_began", "_caller", "_door", "_head", "_invocation", "_trace")

    def __init__(
        self,
        door: "Door",
        head: Head[Plan],
        sent: bytes,
        trace: Trace,
        began: int,
        caller: Caller | None = None,
        invocation: Invocation | None = None,
    ) -> None:
        self.pool = door.agent  # not by super(): it costs as much as all of these
        self.head = sent
        self.mark = b"X-Trace-Id: %b\r\n" % trace.trace_id
        self._door = door
        self._head = head
        self._trace = trace
        self._began = began
        self._caller = caller
        self._invocation = invocation

    @property
    def principal(self) -> Principal | None:
        """Who called; ``None``: nobody was asked."""
        return self._caller.principal if self._caller is not None else None

    def ended(self, outcome: Outcome, status: int) -> None:
        door = self._door
        if self._invocation is not None:
            door.invocations.end(self._invocation)
            if door.links is not None:
                door.links.over(self._invocation)
        if door.turn is not None:
            door.turn.leave()
        if door.spans is not None:
            attributes = self._caller.attributes if self._caller is not None else _NOBODY
            head = self._head
            door.spans(Ended(self._trace, self._began, door.clock_ns(), head.method, head.path, status, attributes))


_MOST_FORWARDING, _MOST_PEERS = 1024, 8
_PROTECTED = Rule.PROTECTED
_NOBODY: Mapping[str, Value] = {}


@dataclass(frozen=True, slots=True)
class Manners:
    """How this door is set: the configuration's ``inbound`` and ``agent``."""

    public: tuple[str, ...] = ()
    preflight: bool = False
    """Let CORS preflights pass."""
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    forward_authorization: bool = False
    baggage: bool = False
    """Let ``baggage`` carry a handle that is good for attaching."""
    resource_metadata: str | None = None
    """The URL that a 401 names (RFC 9728, section 5.1)."""
    scopes: tuple[str, ...] = ()
    """What a 401 says to ask for (RFC 6750, section 3)."""


OWNED = (
    "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-protected-resource/",
    "/.well-known/identity-sidecar/jwks.json",
)


class Door:
    """Decides about requests to the agent."""

    turn: Turn | None = None
    """Whose it is to be served, where that is one call at a time."""
    proofs: Proofs | None = None
    """Keeps callers' tokens, where some provider exchanges them."""
    links: Links | None = None
    """Tells users on the answer where they have to agree, where some provider has them asked."""

    def __init__(
        self,
        *,
        manners: Manners,
        verifier: Verifier[Caller],
        invocations: Invocations,
        journal: Journal,
        tracer: Tracer,
        agent: Pool,
        own: Pool | None,
        clock: Callable[[], float],
        clock_ns: Callable[[], int],
        spans: Callable[[Ended], None] | None,
    ) -> None:
        """*own* serves the paths that the sidecar owns, if any."""
        self.agent = agent
        self.invocations = invocations
        self.spans = spans
        self.clock_ns = clock_ns
        self._own = own
        self._clock = clock
        self._manners = manners
        self._attaches = manners.baggage
        self._verifier = verifier
        self._journal = journal
        self._tracer = tracer
        self._rules = Rules(manners.public, OWNED if own is not None else ())
        self._verdicts = self._named()
        self.shapes: Shapes[Plan] = Shapes(self._plan, token=None if manners.forward_authorization else verifier.held)
        self._forwarding: dict[tuple[str, bool, bytes], bytes] = {}
        """What is said of the peers and hosts seen last: a proxy in front brings several hosts over one connection."""

    def drops(self, name: bytes) -> bool:
        return name == b"authorization" or name in headers.REPLACED or headers.forged(name) or headers.forwarding(name)

    # the way in

    def admit(self, head: Head[Plan], peer: Peer) -> Passage | Awaitable[Passage]:
        plan = head.shape.plan
        rule = self._rules.select(head.path)
        trace = self._tracer.enter(head.value(plan.traceparent) if plan.traceparent >= 0 else None)
        if rule is not _PROTECTED or plan.preflight:
            passage = self._without_identity(head, peer, trace, rule)
            if passage is not None:
                return passage
        verified: Verified[Caller] | None = head.token
        now = self._clock()
        if verified is None or verified.until <= now:
            token = head.cut or _bearer(head, plan)
            verified = self._verifier.remembered(token, now)
            if verified is None:
                return self._verify(head, peer, trace, token)
        return self._let_in(head, peer, trace, verified)

    def _without_identity(
        self, head: Head[Plan], peer: Peer, trace: Trace, rule: Rule
    ) -> Passage | Awaitable[Passage] | None:
        """The way of what needs no token: the sidecar's own pages, public paths, and preflights where they may pass."""
        if rule is Rule.OWNED and self._own is not None:
            return Passage(
                self._own,
                self._request(head, peer, trace),
                b"X-Trace-Id: %b\r\n" % trace.trace_id,
            )
        if rule is Rule.PUBLIC or self._passes(head):
            return Visit(self, head, self._request(head, peer, trace), trace, self.clock_ns())
        return None

    def _passes(self, head: Head[Plan]) -> bool:
        """A CORS preflight, where those may pass."""
        return self._manners.preflight and head.method == b"OPTIONS" and head.shape.plan.preflight

    async def _verify(self, head: Head[Plan], peer: Peer, trace: Trace, token: bytes) -> Passage:
        let_in = self._let_in(head, peer, trace, await self._verifier.verify(token))
        return let_in if isinstance(let_in, Passage) else await let_in

    def _let_in(
        self, head: Head[Plan], peer: Peer, trace: Trace, verified: Verified[Caller]
    ) -> Passage | Awaitable[Passage]:
        caller = verified.prepared
        trace_id, span_id, _, flags = trace
        began = self.clock_ns()
        self._journal.record(caller.admitted.fill(began, trace_id, span_id, span_id, head.method, head.path))
        invocation, handle = self.invocations.open(caller.principal, trace_id, span_id, verified.expires - began / 1e9)
        if self.proofs is not None:
            self.proofs.keep(invocation, head.cut or _bearer(head, head.shape.plan))
        head.token = verified
        kept = self._kept(head, peer)
        if head.key or not head.shape.kept:
            self.shapes.keep(head)
        plan, more = head.shape.plan, b""
        if plan.tracestate or plan.baggage or self._attaches:
            member = b"identity.invocation=" + self.invocations.attach(invocation) if self._attaches else b""
            more = self._context(head, trace, member)
        sent = b"%b %b HTTP/1.1\r\n%btraceparent: 00-%b-%b-%b\r\n%b%bX-Identity-Invocation: %b\r\n" % (
            head.method, head.target, kept, trace_id, span_id, flags, more, caller.lines, handle,
        )  # fmt: skip
        visit = Visit(self, head, sent, trace, began, caller, invocation)
        if self.links is not None:
            self.links.keep(invocation, visit)
        return visit

    def _request(self, head: Head[Plan], peer: Peer, trace: Trace) -> bytes:
        """The head that is sent where nobody is asked who they are."""
        said = (head.method, head.target, self._kept(head, peer), trace.traceparent, self._context(head, trace))
        return b"%b %b HTTP/1.1\r\n%btraceparent: %b\r\n%b" % said

    @staticmethod
    def _context(head: Head[Plan], trace: Trace, member: bytes = b"") -> bytes:
        """What goes with a caller's trace. *member* is the sidecar's own of ``baggage``."""
        plan = head.shape.plan
        context = b""
        if plan.tracestate and trace.parent and (state := tracestate(_joined(head, plan.tracestate))):
            context += b"tracestate: %b\r\n" % state
        said = strip_identity(_joined(head, plan.baggage)) if plan.baggage else b""
        if said or member:
            context += b"baggage: %b\r\n" % b",".join(filter(None, (said, member)))
        return context

    def _kept(self, head: Head[Plan], peer: Peer) -> bytes:
        """The lines that pass as they came, and how the request came here: the same for all heads with these fields."""
        memo: Memo = head.memo
        kept = memo.get(peer.source)
        if kept is None:
            kept = self._passed_on(head, peer)
            if not (head.varied and self._manners.trusted_proxies):  # forwarding lines may be among those
                if len(memo) >= _MOST_PEERS:
                    memo.clear()
                memo[peer.source] = kept
        said, varied = kept
        return said % tuple([head.lines[index] for index in varied]) if varied else said

    def _passed_on(self, head: Head[Plan], peer: Peer) -> Kept:
        plan, lines = head.shape.plan, head.lines
        trusted = bool(self._manners.trusted_proxies) and self._trusted(peer)
        kept = plan.kept_of_trusted if trusted else plan.kept
        without = head.nominated if head.minor else head.nominated | {b"expect"}
        if without:
            names = head.shape.names
            kept = tuple([index for index in kept if names[index].lower() not in without])
        forwarded = self._forwarded(head, peer, trusted=trusted)
        varied = tuple([index for index in kept if index in head.varied]) if head.varied else ()
        if not varied:
            return b"%b\r\n%b" % (b"\r\n".join([lines[index] for index in kept]), forwarded), ()
        said = [b"%b" if index in varied else lines[index].replace(b"%", b"%%") for index in kept]
        return b"%b\r\n%b" % (b"\r\n".join(said), forwarded.replace(b"%", b"%%")), varied

    def _forwarded(self, head: Head[Plan], peer: Peer, *, trusted: bool) -> bytes:
        host = head.host
        if trusted and head.shape.plan.forwarding:
            before = {name: head.values(name) for name in head.shape.plan.forwarding}
            return headers.forwarded_lines(peer.address, _proto(peer), host, before)
        lines = self._forwarding.get((peer.address, peer.tls, host))
        if lines is None:
            lines = headers.forwarded_lines(peer.address, _proto(peer), host, {})
            if len(self._forwarding) >= _MOST_FORWARDING:
                self._forwarding.clear()
            self._forwarding[peer.address, peer.tls, host] = lines
        return lines

    def _trusted(self, peer: Peer) -> bool:
        if not peer.address:
            return False
        address = ip_address(peer.address.partition("%")[0])
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self._manners.trusted_proxies)

    # the way out again

    def refused(self, refusal: Refusal, head: Head[Any] | None, peer: Peer) -> Notice:
        traceparent = None
        if head is not None and head.shape.plan.traceparent >= 0:
            traceparent = head.value(head.shape.plan.traceparent)
        trace = self._tracer.enter(traceparent)
        event = rejected(
            self.clock_ns(),
            trace.trace_id,
            trace.span_id,
            refusal.code,
            refusal.reason,
            refusal.status,
            head.method if head is not None else b"",
            head.path if head is not None else b"",
        )
        self._journal.reject(event, refusal.code)
        date = datetime.fromtimestamp(self._clock(), UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
        said = challenge(refusal, self._manners.scopes, self._manners.resource_metadata)
        more = (("WWW-Authenticate", said),) if said is not None else ()
        return Notice(trace.trace_id.decode(), (("Date", date), *more))

    # what names alone decide

    def _plan(self, at: Mapping[bytes, tuple[int, ...]]) -> Plan:
        kept: list[int] = []
        of_proxies: list[int] = []
        forwarding: tuple[bytes, ...] = ()
        verdicts = self._verdicts
        for name, indices in at.items():
            verdict = verdicts.get(name)
            if verdict is None:
                verdict = self._verdict(name)
            if verdict is _KEPT:
                kept += indices
            elif verdict is _KEPT_OF_TRUSTED:
                of_proxies += indices
            elif name in headers.FORWARDING:
                forwarding += (name,)
        kept.sort()
        lines = tuple(kept)
        traceparent = at.get(b"traceparent", ())
        return Plan(
            kept=lines,
            kept_of_trusted=tuple(sorted(kept + of_proxies)) if of_proxies else lines,
            authorization=at.get(b"authorization", _ABSENT)[0],
            traceparent=traceparent[0] if len(traceparent) == 1 else -1,
            tracestate=at.get(b"tracestate", ()),
            baggage=at.get(b"baggage", ()),
            forwarding=forwarding,
            preflight=b"origin" in at and b"access-control-request-method" in at,
        )

    def _verdict(self, name: bytes) -> "Verdict":
        """What becomes of a field by its lower-case name. Remembered within bounds: names are a caller's to choose."""
        verdict = _DROPPED if headers.forged(name) else _KEPT
        if len(name) <= _LONGEST_NAME:
            if len(self._verdicts) >= _MOST_VERDICTS:
                self._verdicts = self._named()
            self._verdicts[name] = verdict
        return verdict

    def _named(self) -> "dict[bytes, Verdict]":
        """What becomes of the fields that have a name of their own in what is promised."""
        named = dict.fromkeys(headers.ALSO_FORWARDING, _KEPT_OF_TRUSTED) | dict.fromkeys(headers.REPLACED, _DROPPED)
        return named if self._manners.forward_authorization else {**named, b"authorization": _DROPPED}


class Verdict(Enum):
    """What becomes of a field."""

    DROPPED = auto()
    KEPT = auto()
    KEPT_OF_TRUSTED = auto()
    """Passed on where a trusted proxy sent it."""


_DROPPED, _KEPT, _KEPT_OF_TRUSTED = Verdict
_ABSENT = (-1,)
_MOST_VERDICTS, _LONGEST_NAME = 1024, 64


def _bearer(head: Head[Plan], plan: Plan) -> bytes:
    """The one bearer token (RFC 6750, section 2.1). Raise ``TokenMissing`` or ``TokenMalformed``."""
    if plan.authorization < 0:
        raise TokenMissing("no Authorization")
    scheme, _, token = head.value(plan.authorization).partition(b" ")
    if scheme != b"Bearer" and scheme.lower() != b"bearer":
        raise TokenMissing("an Authorization of another scheme than Bearer")
    if not token:
        raise TokenMalformed("Bearer without a token")
    if b"," in token:
        raise AmbiguousCredentials("a list of credentials in one Authorization")
    return token.lstrip(b" ")


def _proto(peer: Peer) -> str:
    return "https" if peer.tls else "http"


def _joined(head: Head[Plan], indices: tuple[int, ...]) -> bytes:
    return b",".join([head.value(index) for index in indices])
