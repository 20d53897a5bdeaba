"""The door out: whose call it is, which route it takes, whether it may, and with which credential.

A request comes in one of three ways: to a path of ours (``/to/<route>/…``, ``/v1/…``), in absolute form as to a proxy,
or inside a CONNECT that was opened. What differs between them is how the destination is found (``_prefixed``,
``_absolute``, ``_inside``); from there on all go the one way of ``_leave``.
"""

import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sidecar.egress import fields
from sidecar.egress.conversations import Conversations
from sidecar.egress.destination import USUAL, Destination, authority
from sidecar.egress.exit import Exit
from sidecar.egress.fields import Plan
from sidecar.egress.leaving import ask, awaited, context
from sidecar.egress.own import Own, Prompt, Prompted
from sidecar.egress.passing import Outward, Signed, attached, outgoing
from sidecar.egress.record import Call, Record
from sidecar.egress.route import Route
from sidecar.egress.routes import Leg, Routes
from sidecar.egress.tunnel import Tunnel
from sidecar.errors import (
    BadRequest,
    DestinationDenied,
    HandleAstray,
    InvocationInvalid,
    InvocationMismatch,
    InvocationMissing,
    NotPermitted,
    OriginRefused,
    ProxyInvocationInvalid,
    ProxyInvocationMissing,
    Refusal,
    RouteUnknown,
    Unauthenticated,
)
from sidecar.invocation.caller import Caller, Callers
from sidecar.invocation.carrier import Carried, carried, elsewhere
from sidecar.invocation.invocation import Invocation, Invocations
from sidecar.oauth.credential import Credential, Signing
from sidecar.policy.decision import Access, Policy
from sidecar.relay.head import Head, Shapes
from sidecar.relay.passage import Notice, Opening, Passage, Peer, Way
from sidecar.relay.pool import Pool
from sidecar.wire.trace import Tracer

_NONE: frozenset[bytes] = frozenset()
_API = (b"/v1/", b"/identities/")


@dataclass(frozen=True, slots=True)
class Manners:
    """How this door is set."""

    agent: bytes | None
    """The agent's own handle, ``None`` where it has none."""
    tunnels: bool = False
    """Let what no route leads to pass, blind and without a credential (``egress.default: tunnel``)."""
    explains: bool = False
    """Tell the agent which capability came nearest (``policy.explain: agent``)."""
    hosts: Callable[[], frozenset[bytes] | None] = lambda: None
    """The values of ``Host`` by which this listener may be called; ``None``: any."""
    listener: Callable[[], str] = lambda: ""
    """Where it is, as a proxy's URL has it: ``host:port``; empty on a unix socket."""


class BlindWay(Outward):
    """A CONNECT to where no route leads."""

    __slots__ = ()

    way = Way.BLIND


class Door:
    """Decides about what the agent asks of the world, and of the sidecar."""

    def __init__(
        self,
        *,
        manners: Manners,
        routes: Routes,
        exits: Mapping[str, Exit],
        callers: Callers,
        invocations: Invocations,
        policy: Policy,
        record: Record,
        tracer: Tracer,
        certificate: Callable[[str], ssl.SSLContext],
        past: Callable[[Destination], Pool],
        api: Pool,
        clock: Callable[[], float],
        prompt: Prompt | None = None,
        conversations: Conversations | None = None,
    ) -> None:
        """*certificate* gives the TLS context for a host, *past* a pool to where no route leads, *api* serves the
        identity API, *prompt* what of it needs no waiting. *conversations*: what MCP routes go on with."""
        self._manners = manners
        self._routes = routes
        self._exits = exits
        self._callers = callers
        self._invocations = invocations
        self._policy = policy
        self._record = record
        self._tracer = tracer
        self._certificate = certificate
        self._past = past
        self._api = api
        self._clock = clock
        self._prompt = prompt
        self.shapes: Shapes[Plan] = Shapes(fields.plan)
        if any(leg.route.mcp for leg in routes):
            from sidecar.egress.mcp import passage
            from sidecar.egress.talk import Filter

            filter_ = Filter(
                callers,
                manners.agent,
                invocations,
                policy,
                record,
                clock,
                manners.explains,
                conversations if conversations is not None else Conversations(),
                self.shapes.keep,
            )
            self._passage = partial(passage, filter_)

    def drops(self, name: bytes) -> bool:
        """No trailer leaves: it would come after the request was looked at for handles."""
        return True

    # three ways in

    def admit(self, head: Head[Plan], peer: Peer) -> Passage | Opening | Awaitable[Passage | Opening]:
        call = head.memo = self._call(head)
        if peer.tunnel is not None:
            return self._inside(head, peer, call, peer.tunnel)
        if head.method == b"CONNECT":
            return self._connect(head, peer, call)
        if head.shape.plan.browser:
            raise OriginRefused("Origin or Sec-Fetch-Site is there")
        if head.authority:
            return self._absolute(head, peer, call)
        hosts = self._manners.hosts()
        if hosts is not None and head.host.lower() not in hosts:
            raise OriginRefused("Host is not this listener's")
        if head.path.startswith(b"/to/"):
            return self._prefixed(head, peer, call)
        if head.path.startswith(_API):
            return self._own(head, call)
        raise RouteUnknown("no path of this listener", mend="Use /to/<route>/…, or the calls below /v1/.")

    def _call(self, head: Head[Plan]) -> Call:
        index = head.shape.plan.traceparent
        trace = self._tracer.enter(head.value(index) if index >= 0 else None)
        call = Call(trace.trace_id, trace.span_id, trace.parent, trace.flags, proxied=head.authority != b"")
        if self._record.exports:
            call.began, call.ended = self._record.now(), partial(self._record.ended, call, head.method, head.path)
        return call

    def _prefixed(self, head: Head[Plan], peer: Peer, call: Call) -> Passage | Awaitable[Passage]:
        name = head.path[4:].partition(b"/")[0]
        behind = 4 + len(name)
        below = head.path[behind:] or b"/"
        leg = call.leg = self._routes.named(name, head.method, below)
        target = leg.base + head.target[behind:]
        return self._leave(head, peer, call, leg, below, target if target.startswith(b"/") else b"/" + target)

    def _absolute(self, head: Head[Plan], peer: Peer, call: Call) -> Passage | Awaitable[Passage]:
        scheme, _, rest = head.authority.partition(b"://")
        usual = USUAL[scheme.decode().lower()]
        destination = Destination(scheme.decode().lower(), *authority(rest, usual))
        call.host = destination.host
        self._agrees(head, destination, usual)
        if not self._routes.lead_to(destination):
            return self._outside(head, peer, call, destination)
        call.leg, below = self._routes.towards(destination, head.method, head.path)
        return self._leave(head, peer, call, call.leg, below, head.target)

    def _inside(self, head: Head[Plan], peer: Peer, call: Call, tunnel: Tunnel) -> Passage | Awaitable[Passage]:
        if head.authority:
            raise BadRequest("a proxied request inside a tunnel", mend="Send origin form inside a tunnel.")
        self._agrees(head, tunnel.destination, USUAL[tunnel.destination.scheme])
        call.leg, below = self._routes.towards(tunnel.destination, head.method, head.path)
        return self._leave(head, peer, call, call.leg, below, head.target)

    def _agrees(self, head: Head[Plan], destination: Destination, usual: int) -> None:
        if authority(head.host, usual) != (destination.host, destination.port):
            raise DestinationDenied(
                "Host names another destination than the request goes to", mend="Send Host as the URL has it."
            )

    def _connect(self, head: Head[Plan], peer: Peer, call: Call) -> Passage | Opening:
        host, port = authority(head.authority, None)
        call.host = host
        self._agrees(head, Destination("https", host, port), port)
        for scheme in ("https", "http"):
            destination = Destination(scheme, host, port)
            if self._routes.lead_to(destination):
                caller = call.caller = self._caller(head, call, _NONE, None)[0]
                context = self._certificate(host) if scheme == "https" else None
                return Opening(context, Tunnel(destination, caller, self._invocations), host)
        return self._outside(head, peer, call, Destination("tcp", host, port))

    def _outside(self, head: Head[Plan], peer: Peer, call: Call, destination: Destination) -> Passage:
        """No route leads there."""
        if not self._manners.tunnels:
            raise DestinationDenied("no route leads there")
        caller, found = self._caller(head, call, _NONE, None)
        call.caller = caller or self._only(call)
        if call.caller is None:
            raise self._missing(call, "no handle, and no route leads there")
        if isinstance(call.caller, Invocation):
            call.joins(call.caller)
        pool = self._past(destination)
        self._record.passed(call, head)
        if head.method == b"CONNECT":
            return BlindWay(pool, b"", call, peer, self._invocations, None)
        kept = fields.kept(head, found.consumed, ())
        first = b"%b %b HTTP/1.1\r\nHost: %b\r\n" % (head.method, head.target, destination.authority)
        lines = b"".join([line + b"\r\n" for line in kept])
        return Outward(pool, first + lines + context(head, call, found), call, peer, self._invocations, None)

    def _own(self, head: Head[Plan], call: Call) -> Passage:
        prompt = self._prompt
        if prompt is None or not prompt.takes(head):
            return Own(self._api, head)
        return Prompted(
            self._api, head, lambda body: prompt.answer(head, body, call.trace_id, call.span_id), self.shapes.keep
        )

    # the one way out

    def _leave(
        self, head: Head[Plan], peer: Peer, call: Call, leg: Leg, below: bytes, target: bytes
    ) -> Passage | Awaitable[Passage]:
        """*below* is the path behind the route's own, *target* what the upstream is asked for."""
        out = self._exits[leg.route.name]
        source = out.source
        caller, found = self._caller(head, call, source.fills if source is not None else _NONE, peer.tunnel)
        if caller is None and not leg.route.unattended:
            caller = self._only(call)
            if caller is None:
                raise self._missing(call, "no handle")
        call.caller = caller
        invocation = caller if isinstance(caller, Invocation) else None
        if invocation is not None:
            call.joins(invocation)
        if leg.route.mcp:
            return self._passage(head, peer, call, out, found, below, target)
        self._permit(call, leg.route, invocation, head.method, below)
        if source is None:
            return self._go(head, peer, call, out, found, target, None)
        asked = ask(call, out)
        credential = source.ready(asked)
        if credential is None:
            return self._obtain(head, peer, call, out, found, target, source.obtain(asked))
        return self._go(head, peer, call, out, found, target, credential)

    def _permit(self, call: Call, route: Route, invocation: Invocation | None, method: bytes, below: bytes) -> None:
        """Raise ``NotPermitted`` unless a capability allows it."""
        principal = invocation.principal if invocation is not None else None
        access = Access(principal, route.name, route.provider, route.scopes, method.decode(), below.decode())
        decision = call.decision = self._policy.decide(access, self._clock())
        if not decision.allowed:
            raise NotPermitted(decision.why, mend=f"Not permitted. {decision.why}." if self._manners.explains else None)

    async def _obtain(
        self,
        head: Head[Plan],
        peer: Peer,
        call: Call,
        out: Exit,
        found: Carried,
        target: bytes,
        coming: Awaitable[Credential | Signing],
    ) -> Passage:
        credential = await awaited(coming, call, peer, self._invocations)
        return self._go(head, peer, call, out, found, target, credential)

    def _go(
        self,
        head: Head[Plan],
        peer: Peer,
        call: Call,
        out: Exit,
        found: Carried,
        target: bytes,
        credential: Credential | Signing | None,
    ) -> Passage:
        leg, source, decision = out.leg, out.source, call.decision
        lines = fields.kept(head, found.consumed, source.fills | fields.CREDENTIAL if source is not None else ())
        behind = context(head, call, found)
        self._record.attached(
            call, leg, head, decision.capability or decision.nearest or "" if decision is not None else ""
        )
        if not head.shape.kept:
            self.shapes.keep(head)
        if credential is None or isinstance(credential, Credential):
            sent = attached(head, leg, target, lines, credential, source.parameter if source is not None else b"")
            return Outward(out.pool, sent + behind, call, peer, self._invocations, out.times)
        asked = outgoing(head, leg, target, lines)
        first = b"%b %b HTTP/1.1\r\nHost: %b\r\n%b" % (head.method, target, leg.destination.authority, behind)
        bodiless = not head.length and not head.chunked
        if bodiless or not credential.needs_body(asked):
            signed = credential.sign(asked, b"" if bodiless else None)
            return Outward(out.pool, first + signed, call, peer, self._invocations, out.times)
        return Signed(out.pool, first, call, peer, self._invocations, out.times, signing=credential, outgoing=asked)

    # whose call it is

    def _caller(
        self, head: Head[Plan], call: Call, filled: frozenset[bytes], tunnel: Tunnel | None
    ) -> tuple[Caller, Carried]:
        """Whose a head with these carriers is. Raise ``HandleAstray``, ``InvocationInvalid``, ``InvocationMismatch`` or
        ``InvocationAmbiguous``."""
        at, agent = head.shape.at, self._manners.agent
        found = carried(head.lines, at, filled, agent)
        astray = elsewhere(head.lines, found, head.target, agent)
        if astray and self._callers.live(astray):
            raise HandleAstray("a live handle where none is carried")
        owner = tunnel.caller if tunnel is not None else None
        try:
            caller = self._callers.of(found, owner)
        except InvocationInvalid as refusal:
            if call.proxied:
                raise ProxyInvocationInvalid(refusal.reason) from refusal
            raise
        if isinstance(owner, Invocation) and caller is not owner:
            call.caller = owner
            raise InvocationMismatch("the tunnel is bound to another invocation")
        return caller, found

    def _only(self, call: Call) -> Caller:
        """Whose a call without any handle is, where the agent serves one call at a time."""
        only = self._callers.default()
        call.sticks = only is not None
        return only

    # refusals

    def _missing(self, call: Call, reason: str) -> Refusal:
        return (
            ProxyInvocationMissing.at(self._manners.listener(), reason) if call.proxied else InvocationMissing(reason)
        )

    def _identify(self, call: Call, head: Head[Any], tunnel: Tunnel | None) -> None:
        """Whose a call was that was refused before anybody asked: a live handle names it, or its tunnel does."""
        out = self._exits[call.leg.route.name] if call.leg is not None else None
        filled = out.source.fills if out is not None and out.source is not None else _NONE
        found = carried(head.lines, head.shape.at, filled, self._manners.agent)
        with suppress(Refusal):  # of several, or of none that lives, it is nobody's
            call.caller = self._callers.of(found, tunnel.caller if tunnel is not None else None)
        if isinstance(call.caller, Invocation):
            call.joins(call.caller)

    def refused(self, refusal: Refusal, head: Head[Any] | None, peer: Peer) -> Notice:
        call: Call | None = head.memo if head is not None and isinstance(head.memo, Call) else None
        if call is None:
            trace = self._tracer.enter(None)
            call = Call(trace.trace_id, trace.span_id)
        elif call.caller is None and head is not None:
            self._identify(call, head, peer.tunnel)
        self._record.denied(call, refusal, head)
        date = datetime.fromtimestamp(self._clock(), UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
        phrase = refusal.code if head is not None and head.method == b"CONNECT" else None
        return Notice(call.trace_id.decode(), (("Date", date), *_challenge(refusal)), phrase)


def _challenge(refusal: Refusal) -> tuple[tuple[str, str], ...]:
    """``WWW-Authenticate``, or ``Proxy-Authenticate`` (RFC 9110, sections 11.6.1 and 11.7.1)."""
    if not isinstance(refusal, Unauthenticated):
        return ()
    if refusal.status == 407:
        return (("Proxy-Authenticate", 'Basic realm="sidecar"'),)
    said = f' error="{refusal.error}", error_description="{refusal.title}"' if refusal.error else ""
    return (("WWW-Authenticate", "Bearer" + said),)
