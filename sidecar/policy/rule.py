"""A capability, ready to be asked: what it lacks of an access. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sidecar.identity import claims
from sidecar.policy import tool
from sidecar.policy.capability import Capability, listed
from sidecar.policy.decision import Access, Act, Decision


@dataclass(frozen=True, slots=True)
class Rule:
    capability: Capability
    sets: frozenset[str] = frozenset()
    """The names of sets of tools: a route that is called so is something else."""
    allows: Decision = field(init=False)
    patterns: Mapping[str, frozenset[str]] = field(init=False)
    """Route or set of tools → the patterns of those of its tools that it names."""
    callable: bool = field(init=False)
    """Whether there are arguments at all with which its tools may be called."""

    def __post_init__(self) -> None:
        capability = self.capability
        object.__setattr__(self, "allows", Decision(capability.name, capability.scopes))
        object.__setattr__(self, "patterns", tool.by_place(capability.tools))
        object.__setattr__(self, "callable", all(capability.arguments.values()))

    @property
    def places(self) -> frozenset[str]:
        return self.capability.routes.union(self.patterns)

    def tools(self, place: str) -> tool.Names:
        """The tools of *place* that it allows: those it names, or all where it names the route and none of them."""
        patterns = self.patterns.get(place)
        if patterns is not None:
            return tool.names(patterns)
        return tool.ALL if place in self.capability.routes and place not in self.sets else tool.NONE

    def open_to(self, asked: Access) -> bool:
        """Whether nothing is lacking, but for what depends on the time and on the request."""
        return self.capability.who.met(asked.principal) and next(self._lacks(asked), None) is None

    def failed(self, asked: Access, now: float) -> tuple[str, ...]:
        """Every condition that it fails, in words."""
        return (*self.failed_ever(asked), *self.lacks_now(asked, now))

    def failed_ever(self, asked: Access) -> tuple[str, ...]:
        """Those of them that it fails whenever, and with whatever request."""
        unmet = [f"who.{unmet}" for unmet in self.capability.who.all_unmet(asked.principal)]
        return (*unmet, *self._lacks(asked))

    def _lacks(self, asked: Access) -> Iterator[str]:
        """What it fails whoever asks, and whenever."""
        capability, wanted = self.capability, asked.wanted
        if wanted is Act.CREDENTIAL:
            if asked.provider is None or capability.provider != asked.provider:
                yield self._provider()
            if capability.methods is not None or capability.paths is not None:
                # Whoever has the token itself can call what they like.
                yield "methods and paths: a token that is handed out cannot be held to them"
        else:
            yield from self._elsewhere(asked, wanted)
            if asked.provider is not None and capability.provider not in (None, asked.provider):
                yield self._provider()
        if capability.provider is not None and not asked.scopes <= capability.scopes:
            yield f"scopes: more than {listed(capability.scopes) or 'none'}"

    def _elsewhere(self, asked: Access, wanted: Act) -> Iterator[str]:
        """Which of the routes and tools it is not."""
        capability = self.capability
        if wanted is Act.TOOL:
            of, _, name = (asked.tool or "").partition("/")
            if not name or name not in self.tools(of):
                yield f"tools: none of {listed(capability.tools)}" if capability.tools else self._routes()
            elif not self.callable:
                yield "arguments: none will do"
        elif wanted is Act.ENTER or asked.route not in (capability.routes if wanted is Act.CALL else self.places):
            yield self._routes()

    def lacks_now(self, asked: Access, now: float) -> Iterator[str]:
        """What it fails besides."""
        capability = self.capability
        if asked.tool is not None:
            if capability.arguments and asked.arguments is not None:
                yield from _arguments(capability.arguments, asked.arguments)
        elif asked.route is not None and asked.act is not Act.CONVERSE:
            if capability.methods is not None and asked.method not in capability.methods:
                yield f"methods: none of {listed(capability.methods)}"
            if capability.paths is not None and not within(capability.paths, asked.path):
                yield f"paths: none of {listed(capability.paths)}"
        if capability.hours and not any(hours.hold(now) for hours in capability.hours):
            yield f"hours: none of {', '.join(map(str, capability.hours))}"

    def _provider(self) -> str:
        provider = self.capability.provider
        return f"provider: not {provider}" if provider is not None else "provider: none is named"

    def _routes(self) -> str:
        return f"routes: none of {listed(self.capability.routes)}"


def within(paths: tuple[str, ...], path: str) -> bool:
    """Whether *path* is one of *paths*, or below one that ends with ``/``."""
    return any(path == each or (each.endswith("/") and path.startswith(each)) for each in paths)


def _arguments(asked: Mapping[str, frozenset[str]], given: Mapping[str, object]) -> Iterator[str]:
    for name, values in asked.items():
        if not argued(given.get(name), values):
            yield f"arguments.{name}: none of {listed(values)}"


def argued(value: object, values: frozenset[str]) -> bool:
    """Whether an argument is one of *values*, or a list of nothing else; an empty list says nothing that could be."""
    members = value if isinstance(value, list) else (value,)
    return bool(members) and all(claims.written(member) in values for member in members)
