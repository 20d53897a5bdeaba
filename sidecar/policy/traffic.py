"""Who did what, and who was refused what, as the audit log tells it. Pure.

A log line names a principal by a keyed hash; its groups and roles stand in the event of its invocation. What was let
through only by ``policy.mode: shadow`` counts as done: nobody had decided about it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sidecar.events import Attribute, Name

AGENT = "agent"
"""Stands for a principal where the agent called for itself, or for nobody on an unattended route."""
_GROUPS, _ROLES = "identity.principal.groups", "identity.principal.roles"
_SHADOWED = "shadowed"
_DENIALS = frozenset({"not_permitted", "tool_denied"})
"""Codes of refusals that a capability could mend."""
_WANTED = "consent_required"
"""A capability allowed it, and the user hadn't agreed yet."""
_MOST_LISTED = 64
"""An event's lists are cut there."""


@dataclass(frozen=True, slots=True)
class Person:
    """What the log knows of a principal."""

    id: str
    issuer: str
    kind: str
    groups: frozenset[str] | None = None
    """``None``: not which, or not all of them."""
    roles: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, order=True)
class Thing:
    """What can be allowed: a route, a provider's credential with one scope or none, or a tool."""

    sort: str
    """``routes``, ``credential`` or ``tools``."""
    name: str
    scope: str = ""
    """Of a credential."""


@dataclass(slots=True)
class Use:
    """What became of one thing."""

    did: set[str] = field(default_factory=set)
    """Ids of persons, or ``AGENT``."""
    refused: set[str] = field(default_factory=set)
    calls: int = 0
    shadowed: bool = False
    """Nobody has decided about it: some of it was let through by the shadow mode alone."""
    providers: set[str] = field(default_factory=set)
    scopes: set[str] = field(default_factory=set)
    capabilities: set[str] = field(default_factory=set)
    """Those that allowed it."""


@dataclass(slots=True)
class Traffic:
    people: dict[str, Person] = field(default_factory=dict)
    uses: dict[Thing, Use] = field(default_factory=dict)
    events: int = 0
    """Those that say something here."""

    def use(self, thing: Thing) -> Use:
        return self.uses.setdefault(thing, Use())


Event = Mapping[str, Any]
"""A line of the audit log."""


def traffic(events: Iterable[Event], serving: Collection[str] = ()) -> Traffic:
    """*serving*: the MCP routes. What is allowed of those are their tools; how those are listed and called over HTTP
    comes with them."""
    found = Traffic()
    for event in events:
        attributes = event.get("attributes")
        if isinstance(attributes, Mapping):
            _take(found, str(event.get("name")), attributes, serving)
    return found


def _take(found: Traffic, name: str, said: Mapping[str, Any], serving: Collection[str]) -> None:
    who = _who(found, said, opened=name == Name.INIT)
    things = [*_things(name, said, serving)] if who is not None else []
    found.events += bool(things)
    for thing in things:
        use = found.use(thing)
        code = said.get(Attribute.ERROR)
        if who is None or (code is not None and code not in _DENIALS | {_WANTED}):
            continue
        if code in _DENIALS:
            use.refused.add(who)
        else:
            _done(use, who, said)


def _done(use: Use, who: str, said: Mapping[str, Any]) -> None:
    use.did.add(who)
    use.calls += 1
    use.scopes.update(_texts(said.get(Attribute.SCOPES)))
    if provider := _text(said, Attribute.PROVIDER):
        use.providers.add(provider)
    if said.get(Attribute.OUTCOME) == _SHADOWED:
        use.shadowed = True
    elif capability := _text(said, Attribute.CAPABILITY):
        use.capabilities.add(capability)


def _who(found: Traffic, said: Mapping[str, Any], *, opened: bool) -> str | None:
    """Whose it is, remembered; ``None``: a stranger's."""
    id_ = _text(said, Attribute.PRINCIPAL_ID)
    if not id_:
        return AGENT if said.get(Attribute.PRINCIPAL_KIND, AGENT) == AGENT else None
    if opened or id_ not in found.people:
        issuer, kind = _text(said, Attribute.PRINCIPAL_ISSUER), _text(said, Attribute.PRINCIPAL_KIND)
        found.people[id_] = Person(id_, issuer, kind, _names(said, _GROUPS), _names(said, _ROLES))
    return id_


def _names(said: Mapping[str, Any], attribute: str) -> frozenset[str] | None:
    value = said.get(attribute)
    if not isinstance(value, list) or len(value) >= _MOST_LISTED:
        return None
    return frozenset(_texts(value))


def _things(name: str, said: Mapping[str, Any], serving: Collection[str]) -> Iterator[Thing]:
    route, provider, tool = (_text(said, each) for each in (Attribute.ROUTE, Attribute.PROVIDER, Attribute.TOOL))
    if name in (Name.TOOL_CALLED, Name.TOOL_DENIED):
        if tool:
            yield Thing("tools", tool)
    elif name in (Name.CREDENTIAL_ATTACHED, Name.EGRESS_DENIED) and route:
        if route not in serving:
            yield Thing("routes", route)
    elif name in (Name.TOKEN_VENDED, Name.EGRESS_DENIED) and provider:
        for scope in sorted(_texts(said.get(Attribute.SCOPES))) or [""]:
            yield Thing("credential", provider, scope)


def _text(said: Mapping[str, Any], attribute: str) -> str:
    value = said.get(attribute)
    return value if isinstance(value, str) else ""


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, list):
        yield from (each for each in value if isinstance(each, str))
