"""Capabilities, and who may call the agent, as Cedar's policies. Pure: only text is made.

Conditions on a principal are three-valued (``sidecar.policy.capability``) and Cedar's are not. So each becomes two
expressions, of which one holds where it is certainly met, and the other where it is certainly unmet; ``not`` changes
the one for the other. Where nobody can tell, neither holds.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sidecar.policy import tool
from sidecar.policy.capability import Capability, Who
from sidecar.policy.decision import Act, Toolbox
from sidecar.policy.declared import ENTER
from sidecar.policy.expression import (
    FALSE,
    TRUE,
    Expression,
    any_of,
    both,
    choice,
    either,
    entity,
    like,
    negated,
    one_of,
    string,
    within,
)
from sidecar.policy.rule import Rule

_TEXTS = ("issuer", "subject", "kind", "tenant")
_SETS = ("roles", "scopes")


@dataclass(frozen=True, slots=True)
class Compiled:
    """One policy."""

    capability: str
    acts: tuple[Act, ...]
    places: frozenset[str]
    """The routes, the sets of tools, or the provider that it speaks of."""
    text: str


class _Truth(NamedTuple):
    met: Expression
    unmet: Expression


def compiled(capability: Capability, toolboxes: Mapping[str, Toolbox]) -> tuple[Compiled, ...]:
    """The policies that *capability* comes to."""
    rule = Rule(capability)
    serving = {name for name, box in toolboxes.items() if not box.tools}
    whole = capability.routes & serving - rule.patterns.keys()
    """MCP routes that are allowed with everything of theirs."""
    narrow = capability.methods is not None or capability.paths is not None
    found: list[Compiled | None] = []
    if not narrow and not capability.arguments and whole:
        found.append(_routes(capability, whole, Act.CALL, Act.CONVERSE, Act.TOOL))
        found.append(_routes(capability, capability.routes - whole, Act.CALL))
        found.append(_routes(capability, (rule.patterns.keys() & serving) - whole, Act.CONVERSE))
        found.append(_tools(rule, toolboxes, frozenset()))
    else:
        found.append(_routes(capability, capability.routes, Act.CALL))
        found.append(_routes(capability, rule.places & serving, Act.CONVERSE))
        found.append(_tools(rule, toolboxes, whole))
    if not narrow and capability.provider is not None:
        place = frozenset({capability.provider})
        resource = f"resource == {entity('Provider', capability.provider)}"
        when = within("context.scopes", capability.scopes)
        found.append(_policy(capability, (Act.CREDENTIAL,), place, resource, [when]))
    return tuple(policy for policy in found if policy is not None)


def entered(who: Who) -> Compiled:
    """The policy of those who may call the agent at all."""
    principal, conditions = _principal(who)
    return Compiled(ENTER, (Act.ENTER,), frozenset(), _text(ENTER, principal, (Act.ENTER,), "resource", conditions))


def _routes(capability: Capability, routes: Iterable[str], *acts: Act) -> Compiled | None:
    routes = sorted(routes)
    if not routes:
        return None
    relation = "in" if Act.TOOL in acts else "=="
    when = []
    resource = f"resource {relation} {entity('Route', routes[0])}"
    if len(routes) > 1:
        resource = "resource"
        when.append(Expression(f"resource in [{', '.join(entity('Route', route) for route in routes)}]", 2))
    if acts == (Act.CALL,):
        when.append(TRUE if capability.methods is None else one_of("context.method", capability.methods))
        when.append(TRUE if capability.paths is None else either(map(_path, capability.paths)))
    return _policy(capability, acts, frozenset(routes), resource, [*when, *_provided(capability)])


def _path(path: str) -> Expression:
    if path.endswith("/"):
        return Expression(f"context.path like {like((path, ''))}", 2)
    return one_of("context.path", (path,))


def _tools(rule: Rule, toolboxes: Mapping[str, Toolbox], whole: frozenset[str]) -> Compiled | None:
    """The tools that are named, and those of the routes that are *whole*."""
    capability = rule.capability
    patterns = {of: those for of, those in rule.patterns.items() if of in toolboxes}
    patterns |= {of: frozenset({tool.WILD}) for of in whole}
    if not patterns or not rule.callable:
        return None
    exact = sorted(f"{of}/{name}" for of, those in patterns.items() for name in those if not tool.wild(name))
    parts = [*_exact(exact), *_wild(patterns, toolboxes)]
    resource, when = "resource", [either(parts)]
    if len(parts) == 1 and len(exact) < 2 and parts[0].binds > 1:  # what may stand in a policy's head
        resource, when = parts[0].text, []
    when += [_arguments(capability), *_provided(capability)]
    return _policy(capability, (Act.TOOL,), frozenset(patterns), resource, when)


def _exact(tools: list[str]) -> Iterator[Expression]:
    named = ", ".join(entity("Tool", name) for name in tools)
    if tools:
        yield Expression(f"resource in [{named}]" if len(tools) > 1 else f"resource == {named}", 2)


def _wild(patterns: Mapping[str, frozenset[str]], toolboxes: Mapping[str, Toolbox]) -> Iterator[Expression]:
    for of, those in sorted(patterns.items()):
        there = Expression(f"resource in {entity('Toolset' if toolboxes[of].tools else 'Route', of)}", 2)
        for pattern in sorted(filter(tool.wild, those)):
            named = Expression(f"resource.name like {like(pattern.split(tool.WILD))}", 2)
            yield there if pattern == tool.WILD else both((there, named))


def _arguments(capability: Capability) -> Expression:
    if not capability.arguments:
        return TRUE
    return choice("context has arguments", both(_argument(*one) for one in capability.arguments.items()), TRUE)


def _argument(name: str, values: frozenset[str]) -> Expression:
    there = Expression(f"context.arguments.hasTag({string(name)})", 3)
    return both((there, within(f"context.arguments.getTag({string(name)})", values)))


def _provided(capability: Capability) -> Iterator[Expression]:
    """The route's provider and scopes are the capability's, where it has one."""
    if capability.provider is not None:
        yield one_of("context.provider", ("", capability.provider))
        yield within("context.scopes", capability.scopes)


def _policy(
    capability: Capability,
    acts: tuple[Act, ...],
    places: frozenset[str],
    resource: str,
    when: Iterable[Expression],
) -> Compiled | None:
    principal, conditions = _principal(capability.who)
    hours = TRUE
    if capability.hours:
        hours = any_of("context.hours", {str(each) for each in capability.hours})
    conditions = [*conditions, *when, hours]
    if FALSE in conditions:
        return None
    return Compiled(capability.name, acts, places, _text(capability.name, principal, acts, resource, conditions))


def _text(name: str, principal: str, acts: tuple[Act, ...], resource: str, conditions: Iterable[Expression]) -> str:
    actions = [entity("Action", act) for act in acts]
    action = f"== {actions[0]}" if len(actions) == 1 else f"in [{', '.join(actions)}]"
    scope = f"@capability({string(name)})\npermit (\n  {principal},\n  action {action},\n  {resource}\n)"
    return scope + "".join(f"\nwhen {{ {each.text} }}" for each in conditions if each != TRUE) + ";\n"


# who


def _principal(who: Who) -> tuple[str, list[Expression]]:
    """The principal that a policy is for, and the conditions on it."""
    agent = who.met(None)
    parts = [part.met for part in _parts(who, agent=agent)]
    return ("principal" if agent else "principal is Principal"), parts


def _parts(who: Who, *, agent: bool) -> Iterator[_Truth]:
    """All that must hold. *agent*: the principal may be the agent, of which no condition can be told."""
    if who.principal:
        there = Expression("principal is Principal", 2) if agent else TRUE
        yield _Truth(there, negated(there))
    for met, unmet in _own(who):
        yield _Truth(_told(met), _told(unmet)) if agent else _Truth(met, unmet)
    if who.any_of:
        several = [_whole(each, agent=agent) for each in who.any_of]
        yield _Truth(either(each.met for each in several), both(each.unmet for each in several))
    for each in who.all_of:
        yield from _parts(each, agent=agent)
    for each in who.none_of:
        truth = _whole(each, agent=agent)
        yield _Truth(truth.unmet, truth.met)


def _whole(who: Who, *, agent: bool) -> _Truth:
    parts = list(_parts(who, agent=agent))
    return _Truth(both(part.met for part in parts), either(part.unmet for part in parts))


def _told(part: Expression) -> Expression:
    return FALSE if part == FALSE else both((Expression("principal is Principal", 2), part))


def _own(who: Who) -> Iterator[_Truth]:
    """What is asked of the principal itself."""
    for key in _TEXTS:
        if (named := getattr(who, key)) is not None:
            yield _certain(one_of(f"principal.{key}", named))
    if who.client is not None:
        yield _certain(both((Expression("principal has client", 2), one_of("principal.client", who.client))))
    if who.groups is not None:
        known, holds = Expression("principal has groups", 2), any_of("principal.groups", who.groups)
        yield _Truth(both((known, holds)), both((known, negated(holds))))
    for key in _SETS:
        if (named := getattr(who, key)) is not None:
            yield _certain(any_of(f"principal.{key}", named))
    for path, values in who.claims.items():
        yield _claim(path, values)


def _certain(met: Expression) -> _Truth:
    return _Truth(met, negated(met))


def _claim(path: str, values: frozenset[str]) -> _Truth:
    """Of whom another sidecar speaks not all claims have come along."""
    there = f"principal.hasTag({string(path)})"
    holds = any_of(f"principal.getTag({string(path)})", values)
    unmet = choice(there, negated(holds), Expression("principal.actors.isEmpty()", 3))
    return _Truth(both((Expression(there, 3), holds)), unmet)
