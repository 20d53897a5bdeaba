"""What is recorded of calls that leave, and of those that don't."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sidecar.egress.routes import Leg
from sidecar.errors import AuditUnavailable, Refusal
from sidecar.events import Attribute, Event, Name, Template, Value, clean_method, clean_path, clean_tool
from sidecar.identity.principal import Principal
from sidecar.invocation.caller import Agent, Caller
from sidecar.invocation.invocation import Invocation
from sidecar.journal import Ended
from sidecar.policy.decision import Decision
from sidecar.relay.head import Head
from sidecar.wire.trace import Trace

log = logging.getLogger(__name__)

_MOST = 4096
_FAILURES = 500
_DURING = "the agent's own call, while invocations are open"


@dataclass(slots=True)
class Call:
    """What is known of a request so far."""

    trace_id: bytes
    span_id: bytes
    parent: bytes = b""
    """The span of the agent's that it belongs to, if it said one."""
    flags: bytes = b"01"
    began: int = 0
    """Nanoseconds since the epoch."""
    proxied: bool = False
    """It came as to a proxy: by CONNECT or in absolute form."""
    leg: Leg | None = None
    caller: Caller = None
    decision: Decision | None = None
    sticks: bool = False
    """Its connection is its caller's until that ends: the next one on it may be nobody's."""
    ended: Callable[[int], None] | None = None
    """Told of its end, with the answer's status or 0."""
    host: str = ""
    """Whom it is for, where no route says so."""
    tool: str = ""
    """``route/tool``, of the call of a tool."""

    @property
    def scopes(self) -> frozenset[str]:
        """What the provider was asked for, where the route doesn't say: what the capabilities allow."""
        return self.decision.scopes if self.decision is not None else frozenset()

    @property
    def shadowed(self) -> str:
        """Why it would be refused, where only the shadow mode lets it through; else empty."""
        return self.decision.why if self.decision is not None and self.decision.shadow else ""

    def joins(self, invocation: Invocation) -> None:
        """It is of *invocation*'s trace, whatever trace the agent says."""
        if self.trace_id != invocation.trace_id:
            self.trace_id, self.parent, self.flags = invocation.trace_id, invocation.id, b"01"


class Journal(Protocol):
    def record(self, event: bytes) -> None:
        """Raise ``AuditUnavailable``."""

    def reject(self, event: bytes, code: str) -> None: ...


class Record:
    """Writes the door's events."""

    def __init__(
        self,
        journal: Journal,
        subjects: Callable[[Principal], Mapping[str, Value]],
        clock_ns: Callable[[], int],
        open_count: Callable[[], int],
        spans: Callable[[Ended], None] | None = None,
    ) -> None:
        """*subjects* gives a principal's attributes, *open_count* how many invocations are open; *spans* exports."""
        self._spans = spans
        self._journal = journal
        self._subjects = subjects
        self._clock_ns = clock_ns
        self._open_count = open_count
        self._templates: dict[tuple[str, str, str, frozenset[str], bool, str], Template] = {}
        self.own_during = 0
        """The agent's own calls while invocations were open, since the start."""

    def attached(self, call: Call, leg: Leg, head: Head[Any], capability: str) -> None:
        """A call leaves, with its credential if its route has a provider. Raise ``AuditUnavailable``."""
        invocation = call.caller if isinstance(call.caller, Invocation) else None
        during = self._during(invocation)
        who = invocation.principal.id if invocation is not None else str(call.caller)
        key = (who, leg.route.name, capability, call.scopes, during, call.shadowed)
        template = self._templates.get(key)
        if template is None:
            template = self._template(call, leg, capability, during=during)
            if len(self._templates) >= _MOST:
                self._templates.clear()
            self._templates[key] = template
        event = template.fill(
            self._clock_ns(),
            call.trace_id,
            call.span_id,
            invocation.id if invocation is not None else b"",
            head.method,
            head.path,
        )
        self._journal.record(event)

    def _during(self, invocation: Invocation | None) -> bool:
        """Whether it is the agent's own call, while invocations are open."""
        during = invocation is None and self._open_count() > 0
        self.own_during += during
        return during

    def called(self, call: Call, leg: Leg, head: Head[Any]) -> None:
        """A tool is about to be called. Raise ``AuditUnavailable``."""
        decision = call.decision
        during = self._during(call.caller if isinstance(call.caller, Invocation) else None)
        reason = call.shadowed or (_DURING if during else "")
        attributes: dict[str, Value] = {
            Attribute.OUTCOME: "shadowed" if call.shadowed else "called",
            **self._who(call.caller),
            Attribute.TOOL: clean_tool(call.tool),
            **_route(leg, call.scopes),
            Attribute.CAPABILITY: (decision.capability or decision.nearest or "") if decision is not None else "",
            **({Attribute.REASON: reason} if reason else {}),
            **_asked(head),
        }
        self._journal.record(self._event(Name.TOOL_CALLED, call, attributes))

    def listed(self, call: Call, leg: Leg, shown: int, hidden: int, *, shadowed: bool = False) -> None:
        """A list of tools is about to be shown; *shadowed*: whole, whatever was *hidden* else. Raise
        ``AuditUnavailable``."""
        attributes: dict[str, Value] = {
            Attribute.OUTCOME: "shadowed" if shadowed else "listed",
            **self._who(call.caller),
            **_route(leg),
            Attribute.SHOWN: shown,
            Attribute.HIDDEN: hidden,
        }
        self._journal.record(self._event(Name.TOOLS_LISTED, call, attributes))

    @property
    def exports(self) -> bool:
        """Whether calls that end become spans."""
        return self._spans is not None

    def now(self) -> int:
        return self._clock_ns()

    def ended(self, call: Call, method: bytes, path: bytes, status: int) -> None:
        """A call that left has ended: where traces are exported, it is a span of its invocation's trace."""
        if self._spans is None:
            return
        attributes: dict[str, Value] = self._who(call.caller)
        if call.leg is not None:
            attributes |= _route(call.leg, call.scopes)
        trace = Trace(call.trace_id, call.span_id, call.parent, call.flags)
        self._spans(Ended(trace, call.began, self._clock_ns(), method, path, status, attributes, outward=True))

    def passed(self, call: Call, head: Head[Any]) -> None:
        """A call leaves where no route leads, without a credential. Raise ``AuditUnavailable``."""
        attributes: dict[str, Value] = {
            Attribute.OUTCOME: "passed",
            **self._who(call.caller),
            Attribute.SERVER: call.host,
            **_asked(head),
        }
        self._journal.record(self._event(Name.CREDENTIAL_ATTACHED, call, attributes))

    def denied(self, call: Call | None, refusal: Refusal, head: Head[Any] | None) -> None:
        """A call doesn't leave, or comes to nothing. What nobody known has asked for is a stranger's doing, and goes
        where it can't fill the journal."""
        call = call or Call(b"", b"")
        outcome = "denied" if refusal.status < _FAILURES else "failed"
        attributes: dict[str, Value] = {Attribute.OUTCOME: outcome, Attribute.ERROR: refusal.code}
        attributes |= self._who(call.caller)
        attributes[Attribute.REASON] = refusal.reason
        if call.leg is not None:
            attributes |= _route(call.leg, call.scopes)
        elif call.host:
            attributes[Attribute.SERVER] = call.host
        if call.decision is not None and call.decision.nearest:
            attributes[Attribute.CAPABILITY] = call.decision.nearest
        if call.tool:
            attributes[Attribute.TOOL] = clean_tool(call.tool)
        attributes[Attribute.STATUS] = refusal.status
        if head is not None:
            attributes |= _asked(head)
        event = self._event(
            Name.TOOL_DENIED if call.tool and refusal.status < _FAILURES else Name.EGRESS_DENIED, call, attributes
        )
        if call.caller is None:
            self._journal.reject(event, refusal.code)
            return
        try:
            self._journal.record(event)
        except AuditUnavailable as error:
            log.error("a denial could not be recorded: %s", error.reason)  # noqa: TRY400 - it is no bug, and it stays a denial

    def _event(self, name: str, call: Call, attributes: Mapping[str, Value]) -> bytes:
        return Event(name, self._clock_ns(), call.trace_id.decode(), call.span_id.decode(), attributes).encode()

    def _template(self, call: Call, leg: Leg, capability: str, *, during: bool) -> Template:
        attributes = {
            **self._who(call.caller, bound=False),
            **_route(leg, call.scopes),
            Attribute.CAPABILITY: capability,
            Attribute.OUTCOME: "attached" if leg.route.provider is not None else "passed",
        }
        if call.shadowed:
            attributes |= {Attribute.OUTCOME: "shadowed", Attribute.REASON: call.shadowed}
        elif during:
            attributes[Attribute.REASON] = _DURING
        return Template(Name.CREDENTIAL_ATTACHED, attributes)

    def _who(self, caller: Caller, *, bound: bool = True) -> dict[str, Value]:
        if isinstance(caller, Invocation):
            said = dict(self._subjects(caller.principal))
            if bound:
                said[Attribute.INVOCATION_ID] = caller.id.decode()
            return said
        return {Attribute.PRINCIPAL_KIND: "agent"} if isinstance(caller, Agent) else {}


def _asked(head: Head[Any]) -> dict[str, Value]:
    return {
        Attribute.METHOD: clean_method(head.method).decode(),
        Attribute.PATH: clean_path(head.path).decode(),
    }


def _route(leg: Leg, scopes: frozenset[str] = frozenset()) -> dict[str, Value]:
    """*scopes*: what was asked for, where the route names none."""
    route = leg.route
    said: dict[str, Value] = {Attribute.ROUTE: route.name, Attribute.SERVER: leg.destination.host}
    if route.provider is not None:
        said[Attribute.PROVIDER] = route.provider
    if asked := route.scopes or scopes:
        said[Attribute.SCOPES] = tuple(sorted(asked))
    return said
