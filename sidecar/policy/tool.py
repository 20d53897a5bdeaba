"""Names of tools, ``route/tool`` or ``set/tool``, and the patterns that capabilities have for them. Pure.

``*`` stands for any characters, and only behind the first ``/``. Nothing is normalised: two names are the same where
their code points are.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

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
    wild: frozenset[str] = frozenset()
    """Patterns."""

    def __contains__(self, name: str) -> bool:
        return self.every or name in self.exact or (bool(self.wild) and _fits(self.wild)(name) is not None)


NONE, ALL = Names(), Names(every=True)


@lru_cache(maxsize=1024)
def _fits(patterns: frozenset[str]) -> Callable[[str], object]:
    """Whether one of them fits: a long list is asked about name by name, and all at once is a tenth of each in turn."""
    return re.compile("|".join(map(expression, sorted(patterns))), re.DOTALL).fullmatch


def names(patterns: Iterable[str]) -> Names:
    """Of patterns without their place."""
    patterns = frozenset(patterns)
    if WILD in patterns:
        return ALL
    loose = frozenset(filter(wild, patterns))
    return Names(exact=patterns - loose, wild=loose)


def union(several: Iterable[Names]) -> Names:
    those = [*several]
    if any(each.every for each in those):
        return ALL
    found = Names(
        exact=frozenset().union(*(each.exact for each in those)), wild=frozenset().union(*(each.wild for each in those))
    )
    return found if found != NONE else NONE


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
