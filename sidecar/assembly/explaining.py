"""What ``sidecar explain`` says: who somebody is, and what becomes of what they want, as text and as JSON."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sidecar.assembly.judge import Judge
from sidecar.assembly.rights import Right, Rights, rights, table
from sidecar.errors import Refusal
from sidecar.identity.principal import Principal
from sidecar.policy.capability import Capability
from sidecar.policy.decision import Access
from sidecar.policy.expectations import Verdict
from sidecar.policy.explained import called
from sidecar.settings import asked

_UNSIGNED = "the token's signature was not verified: that takes its issuer's keys, and nobody was asked for them"


_UNASKED = "which groups they have, the front door would ask Microsoft Graph; here nobody was asked"


@dataclass(frozen=True, slots=True)
class Known:
    """Who it is, and what the front door would have against the token."""

    principal: Principal | None
    """``None``: the agent itself."""
    objections: tuple[Refusal, ...] = ()
    token: bool = False
    unasked: bool = False
    """Microsoft Graph would say at the front door which groups it has."""

    def lines(self) -> Iterator[str]:
        if self.token:
            yield _UNSIGNED
        if self.unasked:
            yield _UNASKED
        for refusal in self.objections:
            yield f"the front door would refuse it all the same: {refusal.code} ({refusal.reason})"

    def as_json(self) -> dict[str, Any]:
        said: dict[str, Any] = {"principal": "agent" if self.principal is None else _described(self.principal)}
        if self.token:
            said["signature"] = "not verified"
        if self.unasked:
            said["groups"] = "not asked for"
        if self.objections:
            said["objections"] = [{"code": each.code, "reason": each.reason} for each in self.objections]
        return said


AGENT = Known(None)


def _described(principal: Principal) -> dict[str, Any]:
    return {
        "id": principal.id,
        "issuer": principal.issuer,
        "subject": principal.subject,
        "kind": principal.kind.value,
        "tenant": principal.tenant or None,
        "client": principal.client,
        "groups": None if principal.groups is None else sorted(principal.groups),
        "roles": sorted(principal.roles),
        "scopes": sorted(principal.scopes),
    }


# one thing


def decided(known: Known, access: Access, verdict: Verdict) -> Iterator[str]:
    who = called(known.principal)
    yield f"{who}: {asked.said(access)}: {_outcome(verdict)}"
    if not verdict.allowed:
        yield from (f"  {failure.words}" for failure in (*verdict.failures, *verdict.hurdles))
        if not verdict.against:
            yield f"  {NOTHING}"
    yield from (f"note: {note}" for note in (*verdict.notes, *known.lines()))


def _outcome(verdict: Verdict) -> str:
    if verdict.allowed:
        return f"allowed by {verdict.capability}"
    near = f"; nearest is {verdict.capability}, which" if verdict.capability and verdict.failures else ""
    shadow = " (let through, and recorded: policy.mode is shadow)" if verdict.shadow else ""
    return f"denied{shadow}{near}"


def decided_json(known: Known, access: Access, verdict: Verdict) -> dict[str, Any]:
    return {
        **known.as_json(),
        "asked": asked.said(access),
        "allowed": verdict.allowed,
        "shadow": verdict.shadow,
        "capability": verdict.capability,
        "failed": [{"condition": each.condition, "words": each.words} for each in verdict.against],
        "notes": list(verdict.notes),
    }


# everything


def everything(judge: Judge, known: Known, now: float) -> tuple[list[str], dict[str, Any], bool]:
    """What *known* can do: lines, JSON, and whether it may call the agent at all."""
    found = rights(judge, known.principal, now)
    entered = found.enter is None or found.enter.allowed
    return [*_lines(known, found)], {**known.as_json(), **_rights_json(found)}, entered


def _lines(known: Known, found: Rights) -> Iterator[str]:
    principal = known.principal
    if principal is None:
        yield "the agent, for itself"
    else:
        yield f"{principal.subject}, a {principal.kind} of {principal.issuer}: {principal.id}"
    if found.enter is not None:
        yield f"may call the agent: {_short(found.enter)}"
    for title, several in (("routes", found.routes), ("credentials that are handed out", found.credentials)):
        if several:
            yield f"{title}:"
            width = max(len(each.name) for each in several)
            yield from (f"  {each.name:{width}}  {_right(each)}" for each in several)
    if found.tools:
        yield "tools:"
        yield from (f"  {name}" for name in found.tools)
    yield from (f"note: {line}" for line in known.lines())


def _short(verdict: Verdict) -> str:
    if verdict.allowed:
        return "yes"
    shadow = " (let through: policy.mode is shadow)" if verdict.shadow else ""
    if not verdict.against:
        return f"no{shadow}"
    near = f"{verdict.capability} " if verdict.failures and not verdict.hurdles and verdict.capability else ""
    more = f" (and {len(verdict.against) - 1} more)" if len(verdict.against) > 1 else ""
    return f"no{shadow}: {near}{verdict.against[0].words}{more}"


def _right(right: Right) -> str:
    verdict = right.verdict
    if not verdict.allowed and right.tools:
        return f"its tools alone, by {', '.join(each.name for each in right.tools)}"
    if not verdict.allowed:
        return _short(verdict)
    by = ", ".join(f"{each.name}{_narrowed(each)}" for each in right.by) or str(verdict.capability)
    scopes = f": {', '.join(right.scopes)}" if right.scopes else ""
    return f"yes, by {by}{scopes}" + "".join(f"; {note}" for note in verdict.notes)


def _narrowed(capability: Capability) -> str:
    narrows = " ".join(filter(None, (", ".join(sorted(capability.methods or ())), ", ".join(capability.paths or ()))))
    return f" ({narrows})" if narrows else ""


def _rights_json(found: Rights) -> dict[str, Any]:
    enter = found.enter
    said: dict[str, Any] = {}
    if enter is not None:
        failed = [{"condition": each.condition, "words": each.words} for each in enter.failures]
        said["enter"] = {"allowed": enter.allowed, "failed": failed}
    return {
        **said,
        "routes": {each.name: each.as_json() for each in found.routes},
        "credentials": {each.name: each.as_json() for each in found.credentials},
        "tools": list(found.tools),
    }


# who can do what

_COLUMNS = ("capability", "who", "opens", "when")


def overview(capabilities: Mapping[str, Capability]) -> tuple[list[str], list[dict[str, str]]]:
    """Every capability in a row: lines, and JSON."""
    rows = table(capabilities)
    widths = [max(len(row[column]) for row in (_COLUMNS, *rows)) for column in range(3)]
    lines = [
        "  ".join((*(f"{cell:{width}}" for cell, width in zip(row, widths, strict=False)), row[3]))
        for row in (_COLUMNS, *rows)
    ]
    said = [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
    return (lines if rows else [NOTHING]), said


NOTHING = "nothing is declared under capabilities: nothing is allowed outward"
