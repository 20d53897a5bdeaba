"""From a configuration's text to settings, or to all its problems at once. Decides; what it needs of the machine comes from ``Source``."""

from typing import Any

from sidecar.policy.capability import Who
from sidecar.settings.checks import CHECKS
from sidecar.settings.digest import digest
from sidecar.settings.place import Node, Scalar, Table, Unreadable, tree
from sidecar.settings.problem import Misfit, Problem, Problems
from sidecar.settings.reading import At, Reading
from sidecar.settings.settings import Settings
from sidecar.settings.source import Source
from sidecar.settings.table import CONFIGURATION


def read(source: Source, *, strict: bool) -> Settings:
    """Raise ``Problems``. Unless *strict*, what this machine lacks is noted, and something else stands in its place."""
    reading = Reading(source, strict=strict)
    settings = _settings(reading)
    if settings is None or reading.problems:
        raise Problems(tuple(sorted(reading.problems, key=_line)), tuple(reading.notes))
    return settings


def _line(problem: Problem) -> int:
    return problem.line


def _settings(reading: Reading) -> Settings | None:
    try:
        root = tree(reading.source.configuration(), reading.problem)
        reading.development = _development(root)
        parts: dict[str, Any] = CONFIGURATION.read(root, At(reading, "", root.line))
    except Misfit as misfit:
        reading.problem("", 0, misfit.what, misfit.mend)
        return None
    except Unreadable as unreadable:
        reading.problem("", unreadable.line, unreadable.what, unreadable.mend)
        return None
    settings = _complete(reading, parts)
    reading.dangling()
    for check in CHECKS:
        for finding in check(settings):
            reading.found(*finding)
    return settings


def _development(root: Node) -> bool:
    """``development`` ahead of the rest, which it bears upon."""
    entry = root.entries.get("development") if isinstance(root, Table) else None
    return entry is not None and isinstance(entry.node, Scalar) and (entry.node.kind, entry.node.text.lower()) in TRUE


TRUE = {("boolean", "true"), ("boolean", "yes"), ("boolean", "on")}


def _complete(reading: Reading, parts: dict[str, Any]) -> Settings:
    whos: list[Who] = [parts["inbound"].who, *(capability.who for capability in parts["capabilities"].values())]
    if parts["admin"] is not None:
        whos.append(parts["admin"].who)
    return Settings(
        **parts,
        named_groups=frozenset().union(*(who.groups_named() for who in whos)),
        named_roles=frozenset().union(*(who.roles_named() for who in whos)),
        files=tuple(reading.source.files),
        environ=frozenset(reading.source.variables),
        digest=digest(parts, parts["state"].key),
        notes=tuple(reading.notes),
    )
