"""The one decision point: whether somebody may make a call, or have a token or a key. Pure.

Nothing declared, nothing allowed: a ``Declared`` policy allows what one of its capabilities allows. Rules only ever
allow, so a path that matches one can't be meant by another to be refused; what makes a path ambiguous (dot segments,
encodings of them) is refused before anything is decided.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from sidecar.identity.principal import Principal
from sidecar.policy.capability import Capability, listed


@dataclass(frozen=True, slots=True)
class Access:
    """What somebody wants: a call on a route, or a provider's token or key."""

    principal: Principal | None
    """Whom the agent works for; ``None``: for itself, or for nobody on an unattended route."""
    route: str | None = None
    """Of a call; ``None``: a token or a key is asked for."""
    provider: str | None = None
    """The route's, or the one whose token or key is asked for."""
    scopes: frozenset[str] = frozenset()
    """What the route needs, or what is asked for."""
    method: str = ""
    path: str = ""
    """Of a call: as it came, without query, below the route's url."""


@dataclass(frozen=True, slots=True)
class Decision:
    capability: str | None
    """The one that allows it, of several the first; ``None``: none does."""
    scopes: frozenset[str] = frozenset()
    """Where none were asked for: those that the capabilities that allow it name, so that nobody is asked for what they
    give of themselves."""
    nearest: str | None = None
    """The one that came nearest, and"""
    failed: str = ""
    """the first condition that it failed: what the configuration names, and nothing that is the principal's."""

    @property
    def allowed(self) -> bool:
        return self.capability is not None


class Policy(Protocol):
    def decide(self, access: Access, now: float) -> Decision:
        """*now*: epoch seconds."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """A capability, ready to be asked."""

    capability: Capability
    allows: Decision = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "allows", Decision(self.capability.name, self.capability.scopes))

    def open_to(self, access: Access) -> bool:
        """Whether nothing is lacking, but for what depends on the time and on the request."""
        return self.capability.who.met(access.principal) and next(self._lacks(access), None) is None

    def failed(self, access: Access, now: float) -> tuple[str, ...]:
        """Every condition that it fails, in words."""
        unmet = [f"who.{unmet}" for unmet in self.capability.who.all_unmet(access.principal)]
        return (*unmet, *self._lacks(access), *self.lacks_now(access, now))

    def _lacks(self, access: Access) -> Iterator[str]:
        """What it fails whoever asks, and whenever."""
        capability = self.capability
        if access.route is None:
            if access.provider is None or capability.provider != access.provider:
                yield _provider(capability)
            if capability.methods is not None or capability.paths is not None:
                # Whoever has the token itself can call what they like.
                yield "methods and paths: a token that is handed out cannot be held to them"
        elif access.route not in capability.routes:
            yield f"routes: none of {listed(capability.routes)}"
        elif access.provider is not None and capability.provider not in (None, access.provider):
            yield _provider(capability)
        if capability.provider is not None and not access.scopes <= capability.scopes:
            yield f"scopes: more than {listed(capability.scopes) or 'none'}"

    def lacks_now(self, access: Access, now: float) -> Iterator[str]:
        """What it fails besides."""
        capability = self.capability
        if access.route is not None:
            if capability.methods is not None and access.method not in capability.methods:
                yield f"methods: none of {listed(capability.methods)}"
            if capability.paths is not None and not _within(capability.paths, access.path):
                yield f"paths: none of {listed(capability.paths)}"
        if capability.hours and not any(hours.hold(now) for hours in capability.hours):
            yield f"hours: none of {', '.join(map(str, capability.hours))}"


def _provider(capability: Capability) -> str:
    return f"provider: not {capability.provider}" if capability.provider is not None else "provider: none is named"


def _within(paths: tuple[str, ...], path: str) -> bool:
    """Whether *path* is one of *paths*, or below one that ends with ``/``."""
    return any(path == each or (each.endswith("/") and path.startswith(each)) for each in paths)


_Question = tuple[int, str | None, str | None, frozenset[str]]
_NONE: tuple[_Rule, ...] = ()


class Declared:
    """A policy of declared capabilities, asked in the order in which they are declared."""

    MOST_REMEMBERED = 2048

    def __init__(self, capabilities: Iterable[Capability]) -> None:
        self._rules = tuple(_Rule(capability) for capability in capabilities)
        self._by_route = _index((name, rule) for rule in self._rules for name in rule.capability.routes)
        self._by_provider = _index((rule.capability.provider, rule) for rule in self._rules)
        self._remembered: dict[_Question, tuple[Principal | None, tuple[_Rule, ...], frozenset[str]]] = {}
        """Whom the rules are for doesn't change: what depends on no more than that is worked out once. The principal is
        kept with its answer, so that no other object can have its ``id``."""

    def decide(self, access: Access, now: float) -> Decision:
        rules, most = self._open_to(access)
        holding = (rule for rule in rules if next(rule.lacks_now(access, now), None) is None)
        first = next(holding, None)
        if first is None:
            return self._denied(access, now)
        if access.scopes or most <= first.capability.scopes:
            return first.allows
        scopes = first.capability.scopes.union(*(rule.capability.scopes for rule in holding))
        return first.allows if scopes == first.capability.scopes else Decision(first.capability.name, scopes)

    def _open_to(self, access: Access) -> tuple[tuple[_Rule, ...], frozenset[str]]:
        """The rules that allow it, but for what depends on the time and on the request, and all scopes they name."""
        question = (id(access.principal), access.route, access.provider, access.scopes)
        found = self._remembered.get(question)
        if found is None:
            rules = tuple(rule for rule in self._concerned(access) if rule.open_to(access))
            if len(self._remembered) >= self.MOST_REMEMBERED:
                for key in list(self._remembered)[: self.MOST_REMEMBERED // 2]:
                    del self._remembered[key]
            scopes = frozenset[str]().union(*(rule.capability.scopes for rule in rules))
            found = self._remembered[question] = (access.principal, rules, scopes)
        return found[1], found[2]

    def _concerned(self, access: Access) -> tuple[_Rule, ...]:
        if access.route is not None:
            return self._by_route.get(access.route, _NONE)
        return self._by_provider.get(access.provider, _NONE)

    def _denied(self, access: Access, now: float) -> Decision:
        """Of the rules that speak of the route or the provider, or else of all, the one that fails the least."""
        nearest, fewest = Decision(None), 0
        for rule in self._concerned(access) or self._rules:
            failed = rule.failed(access, now)
            if not nearest.nearest or len(failed) < fewest:
                nearest = Decision(None, nearest=rule.capability.name, failed=failed[0])
                fewest = len(failed)
        return nearest


def _index(pairs: Iterable[tuple[str | None, _Rule]]) -> Mapping[str | None, tuple[_Rule, ...]]:
    found: dict[str | None, tuple[_Rule, ...]] = {}
    for name, rule in pairs:
        found[name] = (*found.get(name, ()), rule)
    return found
