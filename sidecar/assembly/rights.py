"""Everything that one principal can do, and everything that can be done, as tables."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sidecar.assembly.judge import Judge
from sidecar.identity.principal import Principal
from sidecar.policy import tool, words
from sidecar.policy.capability import Capability
from sidecar.policy.decision import Access, Act
from sidecar.policy.expectations import Verdict
from sidecar.policy.rule import Rule
from sidecar.settings import asked, ways


@dataclass(frozen=True, slots=True)
class Right:
    """Whether something can be had, and by which capabilities."""

    name: str
    verdict: Verdict
    by: tuple[Capability, ...] = ()
    """Those that open it now, to some calls at least."""
    scopes: tuple[str, ...] = ()
    tools: tuple[Capability, ...] = ()
    """Those that open some tools of an MCP route, where nothing opens the route itself."""

    def as_json(self) -> dict[str, Any]:
        said: dict[str, Any] = {"allowed": self.verdict.allowed, "by": [each.name for each in self.by]}
        if self.scopes:
            said["scopes"] = self.scopes
        if self.tools:
            said["tools_by"] = [each.name for each in self.tools]
        if not self.verdict.allowed:
            said |= {"nearest": self.verdict.capability, "failed": [each.condition for each in self.verdict.against]}
        return said


@dataclass(frozen=True, slots=True)
class Rights:
    enter: Verdict | None
    """``None``: the agent itself, which doesn't call itself."""
    routes: tuple[Right, ...]
    credentials: tuple[Right, ...]
    """Those that are handed out; attached ones go with their routes."""
    tools: tuple[str, ...]
    """Names, and patterns of those whose names only a server knows."""


def rights(judge: Judge, principal: Principal | None, now: float) -> Rights:
    """*now*: epoch seconds."""
    settings = judge.settings
    enter = None if principal is None else judge.verdict(asked.entering(principal), now)
    handed = [name for name, provider in settings.providers.items() if provider.hand_out]
    return Rights(
        enter,
        tuple(_route(judge, principal, name, now) for name in settings.egress.routes),
        tuple(_credential(judge, principal, name, now) for name in handed),
        tuple(sorted(_tools(judge, principal, now))) if enter is None or enter.allowed else (),
    )


def _route(judge: Judge, principal: Principal | None, name: str, now: float) -> Right:
    wanted = asked.call(judge.settings, principal, name)
    by = _open_now(judge, wanted, now)
    for capability in by:
        verdict = judge.verdict(_within(judge, capability, wanted), now)
        if verdict.allowed:
            return Right(name, verdict, by)
    tools = replace(wanted, act=Act.CONVERSE)
    served = judge.settings.egress.routes[name].mcp and judge.verdict(tools, now).allowed
    return Right(name, judge.verdict(wanted, now), tools=_open_now(judge, tools, now) if served else ())


def _within(judge: Judge, capability: Capability, wanted: Access) -> Access:
    """A call such as *capability* allows, and the route takes."""
    route = judge.settings.egress.routes[wanted.route or ""]
    methods = capability.methods or route.methods or {asked.METHOD}
    paths = capability.paths or route.paths or (asked.PATH,)
    both = methods & route.methods if route.methods is not None else methods
    return Access(wanted.principal, wanted.route, wanted.provider, wanted.scopes, min(both or methods), paths[0])


def _credential(judge: Judge, principal: Principal | None, name: str, now: float) -> Right:
    wanted = asked.credential(judge.settings, principal, name)
    by = _open_now(judge, wanted, now)
    scopes = frozenset[str]().union(*(capability.scopes for capability in by))
    return Right(name, judge.verdict(wanted, now), by, tuple(sorted(scopes)))


def _open_now(judge: Judge, wanted: Access, now: float) -> tuple[Capability, ...]:
    return tuple(capability for capability in judge.declared.open_to(wanted) if _hold(capability, now))


def _hold(capability: Capability, now: float) -> bool:
    return not capability.hours or any(hours.hold(now) for hours in capability.hours)


def _tools(judge: Judge, principal: Principal | None, now: float) -> Iterator[str]:
    yield from judge.policy.declared(principal, now)
    for place in ways.toolboxes(judge.settings):
        for capability in _open_now(judge, Access(principal, place, act=Act.CONVERSE), now):
            rule = Rule(capability)
            patterns = rule.patterns.get(place, {tool.WILD}) if rule.callable else ()
            yield from (f"{place}/{pattern}" for pattern in patterns if tool.wild(pattern))


def table(capabilities: Mapping[str, Capability]) -> list[tuple[str, str, str, str]]:
    """Of each capability: its name, who has it, what it opens, and when."""
    rows = []
    for name, capability in capabilities.items():
        when = ", ".join(map(str, capability.hours)) or "always"
        rows.append((name, words.who(capability.who), "; ".join(words.opens(capability)), when))
    return rows
