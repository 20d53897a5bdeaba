"""What is recorded of the identity API: before the answer, or instead of it."""

import logging
from collections.abc import Iterable

from sidecar.api.asked import Asked
from sidecar.errors import AuditUnavailable, Refusal, ToolDenied, Unauthenticated
from sidecar.events import Attribute, Event, Name, Template, Value, clean_method, clean_path, clean_tool
from sidecar.invocation.caller import Agent
from sidecar.invocation.invocation import Invocation

log = logging.getLogger(__name__)

_FAILURES = 500
_MOST = 4096
"""Templates that are kept."""


def principal_read(asked: Asked) -> None:
    """Raise ``AuditUnavailable``."""
    _record(asked, Name.PRINCIPAL_READ, {Attribute.OUTCOME: "read"})


def vended(asked: Asked, scopes: frozenset[str]) -> None:
    """A provider's secret is about to be handed out. Raise ``AuditUnavailable``."""
    caller, surroundings, decision = asked.caller, asked.surroundings, asked.decision
    invocation = caller if isinstance(caller, Invocation) else None
    who = (invocation.principal.id, invocation.principal.kind) if invocation is not None else ("", "")
    why = (decision.capability, decision.nearest, decision.failed) if decision is not None else ()
    key = (*who, asked.provider.name if asked.provider is not None else "", scopes, *why)
    template = surroundings.templates.get(key)
    if template is None:
        if len(surroundings.templates) >= _MOST:
            surroundings.templates.clear()
        template = surroundings.templates[key] = _vended(asked, scopes)
    event = template.fill(
        surroundings.clock_ns(),
        asked.trace_id,
        asked.span_id,
        invocation.id if invocation is not None else b"",
        asked.method.encode("latin-1"),
        asked.path,
    )
    surroundings.journal.record(event)


def _vended(asked: Asked, scopes: frozenset[str]) -> Template:
    attributes, decision = _known(asked), asked.decision
    attributes[Attribute.OUTCOME] = "vended"
    attributes[Attribute.SCOPES] = tuple(sorted(scopes))
    if decision is not None and decision.capability:
        attributes[Attribute.CAPABILITY] = decision.capability
    elif decision is not None and decision.shadow:  # nobody has allowed it
        attributes[Attribute.OUTCOME] = "shadowed"
        attributes[Attribute.REASON] = decision.why
    return Template(Name.TOKEN_VENDED, attributes)


def revoked(asked: Asked, scopes: Iterable[str]) -> None:
    """What a user granted is about to be given back. Raise ``AuditUnavailable``."""
    said: dict[str, Value] = {
        Attribute.OUTCOME: "revoked",
        Attribute.SCOPES: tuple(sorted(scopes)),
        Attribute.REASON: "by the agent",
    }
    _record(asked, Name.GRANT_REVOKED, said)


def tools_listed(asked: Asked, shown: int, hidden: int) -> None:
    """Raise ``AuditUnavailable``."""
    _record(asked, Name.TOOLS_LISTED, {Attribute.OUTCOME: "listed", Attribute.SHOWN: shown, Attribute.HIDDEN: hidden})


def tool_called(asked: Asked) -> None:
    """The agent is about to be told that it may. Raise ``AuditUnavailable``."""
    said: dict[str, Value] = {Attribute.OUTCOME: "called", Attribute.TOOL: clean_tool(asked.tool)}
    decision = asked.decision
    if decision is not None and decision.capability:
        said[Attribute.CAPABILITY] = decision.capability
    elif decision is not None and decision.shadow:  # nobody has allowed it
        said |= {Attribute.OUTCOME: "shadowed", Attribute.REASON: decision.why}
    _record(asked, Name.TOOL_CALLED, said)


def denied(asked: Asked, refusal: Refusal) -> None:
    """What nobody known has asked for is a stranger's doing, and goes where it can't fill the journal."""
    said: dict[str, Value] = {
        Attribute.OUTCOME: "denied" if refusal.status < _FAILURES else "failed",
        Attribute.ERROR: refusal.code,
        Attribute.REASON: refusal.reason,
        Attribute.STATUS: refusal.status,
    }
    if asked.scopes:
        said[Attribute.SCOPES] = tuple(sorted(asked.scopes))
    if asked.decision is not None and asked.decision.nearest:
        said[Attribute.CAPABILITY] = asked.decision.nearest
    if asked.tool:
        said[Attribute.TOOL] = clean_tool(asked.tool)
    if asked.caller is None or isinstance(refusal, Unauthenticated):
        asked.surroundings.journal.reject(_event(asked, Name.EGRESS_DENIED, said), refusal.code)
        return
    try:
        _record(asked, Name.TOOL_DENIED if isinstance(refusal, ToolDenied) else Name.EGRESS_DENIED, said)
    except AuditUnavailable as error:
        log.error("a denial could not be recorded: %s", error.reason)  # noqa: TRY400 - no bug, and it stays a denial


def _record(asked: Asked, name: Name, said: dict[str, Value]) -> None:
    asked.surroundings.journal.record(_event(asked, name, said))


def _event(asked: Asked, name: Name, said: dict[str, Value]) -> bytes:
    attributes = _known(asked)
    if isinstance(asked.caller, Invocation):
        attributes[Attribute.INVOCATION_ID] = asked.caller.id.decode()
    attributes |= said
    attributes[Attribute.METHOD] = clean_method(asked.method.encode("latin-1")).decode()
    attributes[Attribute.PATH] = clean_path(asked.path).decode()
    clock_ns = asked.surroundings.clock_ns
    return Event(name, clock_ns(), asked.trace_id.decode(), asked.span_id.decode(), attributes).encode()


def _known(asked: Asked) -> dict[str, Value]:
    """Whose request it is, and for what; the same for all of somebody's."""
    caller, said = asked.caller, dict[str, Value]()
    if isinstance(caller, Invocation):
        said |= asked.surroundings.subjects(caller.principal)
    elif isinstance(caller, Agent):
        said[Attribute.PRINCIPAL_KIND] = "agent"
    if asked.provider is not None:
        said[Attribute.PROVIDER] = asked.provider.name
    return said
