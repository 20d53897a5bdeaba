"""From a configuration's text to settings, or to all its problems at once. Files and variables come from ``Source``."""

from dataclasses import replace
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sidecar.identity.issuer import introduced
from sidecar.policy.capability import Who
from sidecar.settings import checks, known, people, policies, sockets, ways
from sidecar.settings.digest import digest
from sidecar.settings.place import Node, Scalar, Table, Unreadable, tree
from sidecar.settings.problem import Misfit, Problem, Problems
from sidecar.settings.reading import At, Reading
from sidecar.settings.remarks import remarks
from sidecar.settings.scopes import in_providers_form
from sidecar.settings.settings import Settings
from sidecar.settings.shapes import true
from sidecar.settings.source import Source
from sidecar.settings.table import CONFIGURATION


def read(source: Source, *, strict: bool) -> Settings:
    """Raise ``Problems``. Unless *strict*, what this machine lacks is noted, and something else stands in its place."""
    reading = Reading(source, strict=strict)
    settings = _settings(reading)
    if settings is None or reading.problems:
        raise Problems(tuple(sorted(reading.problems, key=_line)), tuple(reading.notes))
    routes = settings.egress.routes
    capabilities = {name: ways.routed(capability, routes) for name, capability in settings.capabilities.items()}
    notes = (*reading.notes, *remarks(settings))
    return replace(settings, capabilities=MappingProxyType(capabilities), notes=notes)


def folder(source: Source) -> tuple[Path, Problems | None]:
    """``state.dir``, and the problems of the rest, if there are any. Raise ``Problems`` where it is one of them."""
    reading = Reading(source, strict=False)
    settings = _settings(reading)
    problems = Problems(tuple(sorted(reading.problems, key=_line)), tuple(reading.notes)) if reading.problems else None
    if settings is None or {"", "state", "state.dir"} & {problem.path for problem in reading.problems}:
        raise problems or Problems(())
    return settings.state.dir, problems


def _line(problem: Problem) -> int:
    return problem.line


def _settings(reading: Reading) -> Settings | None:
    """The settings, with something that fits in place of what was reported; ``None`` where nothing can be read."""
    try:
        root = tree(reading.source.configuration(), reading.problem)
        reading.development = _development(root)
        parts: dict[str, Any] = CONFIGURATION.read(root, At(reading, "", root.line, shown=False))
    except Misfit as misfit:
        reading.problem("", 0, misfit.what, misfit.mend)
        return None
    except Unreadable as unreadable:
        reading.problem("", unreadable.line, unreadable.what, unreadable.mend)
        return None
    settings = _complete(reading, parts)
    reading.resolve()
    for check in chain(sockets.CHECKS, checks.CHECKS, ways.CHECKS, known.CHECKS, people.CHECKS, policies.CHECKS):
        for finding in check(settings):
            reading.found(*finding)
    for check in chain(known.REMARKS, people.REMARKS):
        for finding in check(settings):
            reading.noted(*finding)
    return settings


def _development(root: Node) -> bool:
    """``development``, ahead of the keys that it bears upon."""
    entry = root.entries.get("development") if isinstance(root, Table) else None
    return entry is not None and isinstance(entry.node, Scalar) and entry.node.kind == "boolean" and true(entry.node)


def _complete(reading: Reading, parts: dict[str, Any]) -> Settings:
    parts = {**in_providers_form(parts), "issuers": MappingProxyType(introduced(parts["issuers"], parts["agent"].name))}
    whos: list[Who] = [
        part.who for part in (parts["inbound"], parts["admin"], *parts["capabilities"].values()) if part is not None
    ]
    return Settings(
        **parts,
        named_groups=frozenset().union(*(who.groups_named() for who in whos)),
        named_roles=frozenset().union(*(who.roles_named() for who in whos)),
        files=tuple(reading.source.files),
        environ=frozenset(reading.source.variables),
        digest=digest(parts, parts["state"].key),
        lacking=frozenset(reading.lacking),
        notes=(),
    )
