"""Names of tools, ``route/tool`` or ``set/tool``, and the patterns that capabilities have for them. Pure.

``*`` stands for any characters, and only behind the first ``/``. Nothing is normalised: two names are the same where
their code points are.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass

WILD = "*"


def place(tool: str) -> str:
    """The route, or the set of tools, that it is of."""
    return tool.partition("/")[0]


def wild(tool: str) -> bool:
    """Whether it stands for several."""
    return WILD in tool


def expression(pattern: str) -> str:
    """*pattern* as a regular expression."""
    return ".*".join(map(re.escape, pattern.split(WILD)))


@dataclass(frozen=True, slots=True)
class Names:
    """Some tools of one place, by the part of their names behind it."""

    every: bool = False
    exact: frozenset[str] = frozenset()
    wild: tuple[Callable[[str], object], ...] = ()

    def __contains__(self, name: str) -> bool:
        return self.every or name in self.exact or any(match(name) for match in self.wild)


NONE, ALL = Names(), Names(every=True)


def names(patterns: Iterable[str]) -> Names:
    """Of patterns without their place."""
    patterns = frozenset(patterns)
    if WILD in patterns:
        return ALL
    loose = sorted(pattern for pattern in patterns if wild(pattern))
    return Names(
        exact=frozenset(pattern for pattern in patterns if not wild(pattern)),
        wild=(re.compile("|".join(map(expression, loose)), re.DOTALL).fullmatch,) if loose else (),
    )


def union(several: Iterable[Names]) -> Names:
    found = NONE
    for each in several:
        if each.every:
            return ALL
        found = Names(exact=found.exact | each.exact, wild=found.wild + each.wild)
    return found


def by_place(tools: Iterable[str]) -> Mapping[str, frozenset[str]]:
    """Place → the patterns of its tools, without it."""
    found: dict[str, set[str]] = {}
    for tool in tools:
        of, _, pattern = tool.partition("/")
        found.setdefault(of, set()).add(pattern)
    return {of: frozenset(patterns) for of, patterns in found.items()}


class Likeness:
    """Which tools are alike: those of one place that the same patterns fit."""

    MOST_REMEMBERED = 8192

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = {
            of: tuple(re.compile(expression(pattern), re.DOTALL).fullmatch for pattern in sorted(those))
            for of, those in by_place(patterns).items()
        }
        self._remembered: dict[str, Hashable] = {}

    def of(self, tool: str) -> Hashable:
        """What *tool* has in common with those that are alike, and with no other."""
        found = self._remembered.get(tool)
        if found is None:
            of, _, name = tool.partition("/")
            found = of, bool(name), tuple(fits(name) is not None for fits in self._patterns.get(of, ()))
            if len(self._remembered) >= self.MOST_REMEMBERED:
                self._remembered.clear()
            self._remembered[tool] = found
        return found
