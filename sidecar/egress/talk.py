"""One request to an MCP route: what it asks, whether it may, and what of its answer may be seen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sidecar.egress.agreeing import Agreeing
from sidecar.egress.conversations import Conversations
from sidecar.egress.exit import Exit
from sidecar.egress.fields import Plan
from sidecar.egress.record import Call, Record
from sidecar.egress.spoken import Spoken
from sidecar.errors import AuditUnavailable, BadRequest, HandleAstray, NotPermitted, Refusal, ToolDenied
from sidecar.identity.principal import Principal
from sidecar.invocation.caller import Callers
from sidecar.invocation.carrier import Carried, elsewhere
from sidecar.invocation.invocation import Invocation, Invocations
from sidecar.mcp import notes, reply
from sidecar.mcp.message import Kind, Message
from sidecar.mcp.methods import NOTIFICATIONS, REQUESTS, Method, Need
from sidecar.mcp.mirrored import mismatch, stateless
from sidecar.policy.decision import Access, Act, Decision, Policy
from sidecar.policy.shadow import Shadow
from sidecar.relay.head import Head
from sidecar.relay.passage import Peer, Reply

_NOWHERE = Carried((), (), frozenset(), None, frozenset(), ())
"""No part of a body may carry a handle."""
_CONVERSE = Method(Need.CONVERSE)
_ACTS = {Need.CONVERSE: Act.CONVERSE, Need.ROUTE: Act.CALL, Need.TOOL: Act.TOOL}
_JSON = b"Content-Type: application/json\r\nCache-Control: no-store\r\n"
_LISTEN = "subscriptions/listen"


@dataclass(frozen=True, slots=True)
class Filter:
    """What MCP routes need to decide."""

    callers: Callers
    agent: bytes | None = field(repr=False)
    """The agent's own handle, ``None`` where it has none."""
    invocations: Invocations
    policy: Policy
    record: Record
    clock: Callable[[], float]
    explains: bool
    """Tell the agent which capability came nearest (``policy.explain: agent``)."""
    conversations: Conversations
    keep: Callable[[Head[Plan]], None]
    """Told of a head that was let out."""
    agreeing: Agreeing = field(default_factory=Agreeing)


@dataclass(slots=True, eq=False)
class Talk:
    """Of a caller who is known. It is the ``Viewer`` of its own answer."""

    by: Filter
    head: Head[Plan]
    peer: Peer
    call: Call
    out: Exit
    found: Carried
    target: bytes
    """What the upstream is asked for."""
    spoken: Spoken
    policy: Policy = field(init=False)
    """What is decided by: after a reload, another one than at the beginning."""
    method: Method = field(init=False, default=_CONVERSE)
    note: bytes = field(init=False, default=b"")
    """What its answer is told when other tools may be seen; empty: nothing."""

    def __post_init__(self) -> None:
        self.policy = self.by.policy
        if self.head.method == b"GET":
            self.note = notes.tools_changed()

    @property
    def route(self) -> str:
        return self.out.leg.route.name

    @property
    def principal(self) -> Principal | None:
        caller = self.call.caller
        return caller.principal if isinstance(caller, Invocation) else None

    @property
    def owner(self) -> str:
        """Whose its session is: a principal's, or the agent's own."""
        return self.principal.id if self.principal is not None else ""

    @property
    def due(self) -> bool:
        """Whether its answer is a list."""
        return bool(self.method.lists)

    # what is asked

    def converse(self) -> None:
        """Raise ``NotPermitted`` unless the server may be talked with at all."""
        self._allow(self._decide(Need.CONVERSE))

    def say(self, said: Message) -> Reply | None:
        """The refusal of what may not be said; ``None``: it may. Raise ``Refusal``."""
        astray = elsewhere((), _NOWHERE, said.plain, self.by.agent)
        if astray and self.by.callers.live(astray):
            raise HandleAstray("a live handle in the body")
        wrong = mismatch(said, self.spoken.version, self.spoken.method, self.spoken.name)
        if wrong is not None:
            refusal = BadRequest(f"{wrong} isn't what the body says", mend=f"Send {wrong} as the body has it.")
            return self.refused(said, refusal, reply.HEADER_MISMATCH, 400)
        method = _method(said)
        if method is None:
            return self._unknown(said)
        self.method = method
        need = self._listening(said) if said.method == _LISTEN else method.need
        decision = self._decide(need, said)
        if need is Need.CONVERSE or decision.allowed:
            self._allow(decision)
            return None
        denied: type[Refusal] = ToolDenied if need is Need.TOOL else NotPermitted
        return self.refused(said, denied(decision.why, mend=self._mend(decision)), reply.INVALID_PARAMS, 200)

    def _listening(self, said: Message) -> Need:
        """What listening takes: who may see no resources isn't told of them, either."""
        if notes.wants_tools(said):
            self.note = notes.tools_changed(said.id)
        return Need.ROUTE if notes.wants_resources(said) else Need.CONVERSE

    def _unknown(self, said: Message) -> Reply:
        refusal = NotPermitted("a method that isn't known here", mend="Call a method that docs/reference/mcp.md lists.")
        # The older era's 404 would end the session.
        status = 400 if said.kind is Kind.NOTIFICATION else 404 if stateless(self.spoken.version) else 200
        return self.refused(said, refusal, reply.METHOD_NOT_FOUND, status)

    def _decide(self, need: Need, said: Message | None = None) -> Decision:
        access = self._access(_ACTS[need])
        if need is Need.TOOL and said is not None:
            try:
                name, access.arguments = said.named("name"), said.arguments
            except ValueError as error:
                raise BadRequest(f"the body: {error}", mend="Name one tool, with an object of arguments.") from error
            access.tool = self.call.tool = f"{self.route}/{name}"
        decision = self.call.decision = self.policy.decide(access, self.by.clock())
        return decision

    def _access(self, act: Act) -> Access:
        route = self.out.leg.route
        return Access(self.principal, route.name, route.provider, route.scopes, self.head.method.decode(), "/", act)

    def _allow(self, decision: Decision) -> None:
        if not decision.allowed:
            raise NotPermitted(decision.why, mend=self._mend(decision))

    def _mend(self, decision: Decision) -> str | None:
        return f"Not permitted. {decision.why}." if self.by.explains else None

    def refused(self, said: Message, refusal: Refusal, code: int, status: int) -> Reply:
        """In the protocol's own way. *code*: JSON-RPC's, *status*: HTTP's."""
        data = {"code": refusal.code, "trace_id": self.call.trace_id.decode()}
        return self.replied(refusal, status, reply.error(said.id, code, f"{refusal.title} {refusal.detail}", data))

    def replied(self, refusal: Refusal, status: int, body: bytes) -> Reply:
        """*refusal*, recorded and in the words of *body*."""
        self.by.record.denied(self.call, refusal, self.head)
        return Reply(status, _JSON, body, refusal.code)

    def recorded(self) -> None:
        """It leaves. Raise ``AuditUnavailable``."""
        decision = self.call.decision
        if self.call.tool:
            self.by.record.called(self.call, self.out.leg, self.head)
        elif decision is not None:
            self.by.record.attached(self.call, self.out.leg, self.head, decision.capability or decision.nearest or "")

    # what is shown

    def tools(self, names: Sequence[str]) -> Sequence[bool]:
        return self.policy.tools(self.principal, self._whole(names), self.by.clock())

    def _whole(self, names: Sequence[str]) -> list[str]:
        before = self.route + "/"
        return [before + name for name in names]

    def others(self) -> bool:
        return self.policy.decide(self._access(Act.CALL), self.by.clock()).allowed

    def listed(self, names: Sequence[str], shown: int, hidden: int) -> None:
        self.by.conversations.saw(self.route, names)
        shadowed = isinstance(self.policy, Shadow)
        if isinstance(self.policy, Shadow):
            would = sum(self.policy.enforced.tools(self.principal, self._whole(names), self.by.clock()))
            shown, hidden = would, hidden + shown - would
        try:
            self.by.record.listed(self.call, self.out.leg, shown, hidden, shadowed=shadowed)
        except AuditUnavailable as error:
            raise ValueError(f"the record can't take it: {error.reason}") from error

    def decides_by(self, policy: Policy, now: float) -> bool | None:
        """From now on. Whether other tools may be seen than before; ``None``: nothing may be said any more."""
        names = self._whole(self.by.conversations.tools(self.route))
        before, self.policy = self.policy.tools(self.principal, names, now), policy
        decision = self.call.decision = policy.decide(self._access(Act.CONVERSE), now)
        return policy.tools(self.principal, names, now) != before if decision.allowed else None


def _method(said: Message) -> Method | None:
    """What is asked; ``None``: nobody knows."""
    if said.kind is Kind.REQUEST:
        return REQUESTS.get(said.method)
    return _CONVERSE if said.kind is Kind.RESPONSE or said.method in NOTIFICATIONS else None
