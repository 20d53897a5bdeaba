"""A team's own policies, as ``policy.files`` names them: whether Cedar can read them, and whether they make sense."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from sidecar.settings.finding import Finding
from sidecar.settings.problem import nearest
from sidecar.settings.settings import Settings

if TYPE_CHECKING:
    from sidecar.policy.own import Policy

_MEND = "Correct the file; docs/reference/cedar.md has the schema of what policies may speak of."


def files(settings: Settings) -> Iterator[Finding]:
    if not settings.policy.files:
        return
    from sidecar.policy.own import Unreadable, read

    for index, file in enumerate(settings.policy.files):
        path = f"policy.files[{index}]"
        try:
            policies = read(str(file.path), file.text)
        except Unreadable as unreadable:
            what = "; ".join(f"line {fault.line}: {fault.what}" for fault in unreadable.faults)
            yield Finding(path, f"is {file.path}, which cannot be taken: {what}", _MEND)
            continue
        for policy in policies:
            yield from (
                Finding(path, f"is {file.path}, whose line {policy.line} names {what}", mend)
                for what, mend in _nowhere(policy, _places(settings))
            )


def _places(settings: Settings) -> Mapping[str, tuple[str, frozenset[str]]]:
    """Where each is declared, and the names that there are."""
    routes = settings.egress.routes
    return {
        "Route": ("egress.routes", frozenset(routes)),
        "Toolset": ("tools", frozenset(settings.tools)),
        "Provider": ("providers", frozenset(settings.providers)),
        "Tool": ("tools", frozenset(settings.tools) | {name for name, route in routes.items() if route.mcp}),
    }


def _nowhere(policy: "Policy", places: Mapping[str, tuple[str, frozenset[str]]]) -> Iterator[tuple[str, str]]:
    """What *policy* names that there isn't, so that it never says anything, and what to do: one that forbids would
    forbid nothing."""
    for kind, name in sorted(policy.places):
        key, known = places[kind]
        place = name.partition("/")[0] if kind == "Tool" else name
        if place in known:
            continue
        near = nearest(place, known)
        meant = f'Did you mean "{near}"?' if near else f"Known: {', '.join(sorted(known)) or 'none'}."
        where = f"{key} or an MCP route" if kind == "Tool" else key
        yield f'{kind}::"{name}", which is none of {where}', f"{meant} A policy of nothing has no effect."


CHECKS = (files,)
