"""``sidecar policy`` and its two companions: what capabilities compile to, whether a team's expectations of them hold,
and which would do for the traffic that was recorded. Each gives its lines, its JSON, and whether all is well."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sidecar.assembly.explaining import NOTHING
from sidecar.assembly.judge import Judge, Said
from sidecar.journal import audit
from sidecar.policy.declared import ENTER
from sidecar.policy.expectations import Expectation, Verdict
from sidecar.policy.proposal import document, propose
from sidecar.policy.traffic import traffic
from sidecar.settings import Settings, asked, expectations, ways

_EVENTS = "events"
"""The audit log's name."""


# sidecar policy


def printed(settings: Settings) -> Said:
    """The Cedar policies that decide, each with what it comes from; own files as they stand."""
    from sidecar.policy.compiled import compiled, entered

    boxes = ways.toolboxes(settings)
    policies = [entered(settings.inbound.who)]
    for capability in settings.capabilities.values():
        policies += compiled(capability, boxes)
    own = [(str(file.path), file.text) for file in settings.policy.files]
    lines = [line for each in policies for line in ("", f"// {_origin(each.capability)}", *each.text.splitlines())]
    lines += [line for file, text in own for line in ("", f"// {file}", *text.splitlines())]
    said = [{"capability": each.capability, "acts": list(each.acts), "policy": each.text} for each in policies]
    begins = [] if settings.capabilities else [f"// {NOTHING}"]
    return Said([*begins, *lines][not begins :], {"policies": said, "files": dict(own)})


def _origin(capability: str) -> str:
    return capability if capability == ENTER else f"capabilities.{capability}"


# sidecar policy test


def tested(settings: Settings, file: Path, now: float) -> Said:
    """The expectations in *file*, each held against *settings*; *now* is epoch seconds, where a case says no time.
    Raise ``Problems``."""
    judge = Judge.of(settings)
    cases = expectations.read(file, settings)
    verdicts = [judge.verdict(case.access, now if case.at is None else case.at) for case in cases]
    differs = [case.differs(verdict) for case, verdict in zip(cases, verdicts, strict=True)]
    wrong = sum(each is not None for each in differs)
    held = f"{len(cases)} case{'' if len(cases) == 1 else 's'}"
    lines = [line for each in zip(cases, verdicts, differs, strict=True) for line in _difference(str(file), *each)]
    lines.append(f"{file}: {held}, " + (f"{wrong} not as expected" if wrong else "all as expected"))
    said = [_case(*each) for each in zip(cases, verdicts, differs, strict=True)]
    return Said(lines, {"file": str(file), "cases": said, "wrong": wrong}, not wrong)


def _difference(file: str, case: Expectation, verdict: Verdict, differs: str | None) -> Iterator[str]:
    if differs is None:
        return
    yield f"{file}:{case.line}  {case.name}"
    yield f"    {differs}"
    if not case.name.endswith(asked.said(case.access)):
        yield f"    asked: {asked.said(case.access)}"
    if not verdict.allowed:
        yield from (f"    {failure.words} ({failure.condition})" for failure in verdict.hurdles)
        near = f"{verdict.capability} " if verdict.capability else ""
        yield from (f"    {near}{failure.words} ({failure.condition})" for failure in verdict.failures)


def _case(case: Expectation, verdict: Verdict, differs: str | None) -> dict[str, Any]:
    return {
        "name": case.name,
        "line": case.line,
        "expect": case.expect,
        "got": verdict.outcome,
        "capability": verdict.capability,
        "failed": [failure.condition for failure in verdict.against],
        "differs": differs,
    }


# sidecar policy propose


def proposed(settings: Settings, file: Path | None) -> Said:
    """From the audit log in ``state.dir``, or from *file*. Raise ``OSError``."""
    if file is None:
        lines: Iterable[bytes] = audit.entries(settings.state.dir / "audit", _EVENTS)
    else:
        lines = file.read_bytes().splitlines()
    serving = {name for name, route in settings.egress.routes.items() if route.mcp}
    seen = traffic(_events(lines), serving)
    proposals = propose(seen)
    about = f"# for {seen.events} event{'' if seen.events == 1 else 's'} of {len(seen.people)} principals"
    text = [about, *document(proposals)] if proposals else [about, "# nothing was called that a capability could allow"]
    return Said(text, {"events": seen.events, "capabilities": {each.name: each.as_json() for each in proposals}})


def _events(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The events of a log, without lines that a crash has torn."""
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            yield event
