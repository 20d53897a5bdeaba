"""A policy of declared capabilities. Pure.

Nothing declared, nothing allowed: it allows what one of its capabilities allows. They only ever allow, so a path that
matches one can't be meant by another to be refused; what makes a path ambiguous (dot segments, encodings of them) is
refused before anything is decided.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sidecar.identity.principal import Principal
from sidecar.policy import tool
from sidecar.policy.capability import Capability, Who
from sidecar.policy.decision import Access, Act, Decision, Toolbox
from sidecar.policy.rule import Rule

ENTER = "inbound.who"
"""What stands for the capability where the agent is called."""

_Question = tuple[int, str | None, str | None, frozenset[str], Act | None, str | None]
_NONE: tuple[Rule, ...] = ()
_ENTERS = Decision(ENTER)
_BOX = Toolbox()


class Declared:
    """Its capabilities are asked in the order in which they are declared."""

    MOST_REMEMBERED = 2048

    def __init__(
        self,
        capabilities: Iterable[Capability],
        enter: Who | None = None,
        toolboxes: Mapping[str, Toolbox] | None = None,
    ) -> None:
        """*enter*: who may call the agent at all (``inbound.who``); ``None``: every principal. *toolboxes*: MCP routes
        and sets of tools, by name; ``None``: whatever capabilities name is one."""
        self._enter = enter if enter is not None else Who()
        self._toolboxes = toolboxes
        sets = frozenset(name for name, box in (toolboxes or {}).items() if box.tools)
        self._rules = tuple(Rule(capability, sets) for capability in capabilities)
        self._by_place = _index((name, rule) for rule in self._rules for name in rule.places)
        self._by_provider = _index((rule.capability.provider, rule) for rule in self._rules)
        self.full = _full(self._rules, toolboxes or {})
        """Every tool that is declared by its whole name, sorted."""
        self._remembered: dict[_Question, tuple[Principal | None, tuple[Rule, ...], frozenset[str]]] = {}
        """Whom the rules are for doesn't change: what depends on no more than that is worked out once. The principal is
        kept with its answer, so that no other object can have its ``id``."""

    def decide(self, access: Access, now: float) -> Decision:
        if access.act is not None and (access.act is Act.ENTER or self._nowhere(access)):
            return self.denied(access, now)
        rules, most = self._open_to(access)
        holding = (rule for rule in rules if next(rule.lacks_now(access, now), None) is None)
        first = next(holding, None)
        if first is None:
            return self.denied(access, now)
        if access.scopes or most <= first.capability.scopes:
            return first.allows
        scopes = first.capability.scopes.union(*(rule.capability.scopes for rule in holding))
        return first.allows if scopes == first.capability.scopes else Decision(first.capability.name, scopes)

    def tools(self, principal: Principal | None, names: Iterable[str], now: float) -> list[bool]:
        seen: dict[str, tool.Names] = {}
        found = []
        for each in names:
            of, _, name = each.partition("/")
            if of not in seen:
                seen[of] = self._seen(principal, of, now)
            found.append(bool(name) and name in seen[of])
        return found

    def declared(self, principal: Principal | None, now: float) -> tuple[str, ...]:
        shown = self.tools(principal, self.full, now)
        return tuple(name for name, seen in zip(self.full, shown, strict=True) if seen)

    def denied(self, access: Access, now: float) -> Decision:
        """Of the rules that speak of the route, the tool or the provider, or else of all, the one that fails least."""
        if access.act is Act.ENTER:
            return entered(self._enter, access.principal)
        rule, failed = self.nearest(access, now)
        return Decision(None) if rule is None else Decision(None, nearest=rule.capability.name, failed=failed[0])

    def nearest(self, access: Access, now: float) -> tuple[Rule | None, tuple[str, ...]]:
        """That rule, and every condition that it fails; ``None``: there is no rule that fails one."""
        asked = self._asked(access)
        nearest, fewest = None, tuple[str, ...]()
        concerned = self._concerned(asked)
        if asked.tool is not None:  # who names the tool itself comes nearer than who names another of its server's
            of, _, name = asked.tool.partition("/")
            concerned = tuple(rule for rule in concerned if name in rule.tools(of)) or concerned
        for rule in concerned or self._rules:
            failed = rule.failed(asked, now) if concerned else rule.failed_ever(asked)
            if failed and (nearest is None or len(failed) < len(fewest)):
                nearest, fewest = rule, failed
        return nearest, fewest

    def open_to(self, access: Access) -> tuple[Capability, ...]:
        """The capabilities that allow it, but for what depends on the time and on the request."""
        return tuple(rule.capability for rule in self._open_to(access)[0])

    def _seen(self, principal: Principal | None, of: str, now: float) -> tool.Names:
        """The tools of one place that *principal* may see."""
        if self._toolboxes is not None and of not in self._toolboxes:
            return tool.NONE
        access = Access(principal, of, act=Act.CONVERSE)
        rules = [rule for rule in self._open_to(access)[0] if next(rule.lacks_now(access, now), None) is None]
        return tool.union(rule.tools(of) for rule in rules if rule.callable)

    def _open_to(self, access: Access) -> tuple[tuple[Rule, ...], frozenset[str]]:
        """The rules that allow it, but for what depends on the time and on the request, and all scopes they name."""
        question = (id(access.principal), access.route, access.provider, access.scopes, access.act, access.tool)
        found = self._remembered.get(question)
        if found is None:
            asked = self._asked(access)
            rules = tuple(rule for rule in self._concerned(asked) if rule.open_to(asked))
            if len(self._remembered) >= self.MOST_REMEMBERED:
                for key in list(self._remembered)[: self.MOST_REMEMBERED // 2]:
                    del self._remembered[key]
            scopes = frozenset[str]().union(*(rule.capability.scopes for rule in rules))
            found = self._remembered[question] = (access.principal, rules, scopes)
        return found[1], found[2]

    def _nowhere(self, access: Access) -> bool:
        """Whether tools are asked for where there are none, or a conversation with what doesn't converse."""
        if self._toolboxes is None or access.act not in (Act.TOOL, Act.CONVERSE):
            return False
        box = self._toolboxes.get(access.place or "")
        return box is None or (access.act is Act.CONVERSE and bool(box.tools))

    def _asked(self, access: Access) -> Access:
        """*access*, of a tool with what its route needs, whoever asks."""
        if access.act not in (Act.TOOL, Act.CONVERSE):
            return access
        return placed(access, self._toolboxes or {})

    def concerned(self, access: Access) -> tuple[Rule, ...]:
        """The rules that speak of the route, of the place of the tool, or of the provider."""
        return self._concerned(self._asked(access))

    def _concerned(self, asked: Access) -> tuple[Rule, ...]:
        if asked.wanted is Act.CREDENTIAL:
            return self._by_provider.get(asked.provider, _NONE)
        return self._by_place.get(asked.route, _NONE)


def entered(enter: Who, principal: Principal | None) -> Decision:
    """Whether *principal* may call the agent at all."""
    unmet = enter.unmet(principal)
    return _ENTERS if unmet is None else Decision(None, nearest=ENTER, failed=unmet)


def placed(access: Access, toolboxes: Mapping[str, Toolbox]) -> Access:
    """*access* to a tool, or for a conversation, with what its route needs, whatever it says itself."""
    place = access.place
    box = toolboxes.get(place or "", _BOX)
    return replace(access, route=place, provider=box.provider, scopes=box.scopes)


def _index(pairs: Iterable[tuple[str | None, Rule]]) -> Mapping[str | None, tuple[Rule, ...]]:
    found: dict[str | None, tuple[Rule, ...]] = {}
    for name, rule in pairs:
        found[name] = (*found.get(name, ()), rule)
    return found


def _full(rules: Iterable[Rule], toolboxes: Mapping[str, Toolbox]) -> tuple[str, ...]:
    """Every tool that is declared by its whole name."""
    named = {each for rule in rules for each in rule.capability.tools if not tool.wild(each)}
    return tuple(sorted(named.union(f"{of}/{name}" for of, box in toolboxes.items() for name in box.tools)))
