"""What of a request, and of the time, decisions rest on besides who asks for what where. Pure.

Two requests with the same facts get the same answer, so answers are remembered by them: a route whose capabilities name
paths is asked about each of thousands of paths, and rests on no more than which of the few that are named it is under.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field

from sidecar.policy.decision import Access, Act
from sidecar.policy.hours import Hours
from sidecar.policy.rule import Rule, argued, within

NEVER = object()
"""Facts that aren't worth remembering: nobody is likely to come with the same."""
MINUTE = 60


@dataclass(slots=True)
class Facts:
    methods: bool
    paths: tuple[tuple[str, ...], ...]
    """For each capability that names some: its paths."""
    arguments: tuple[tuple[str, frozenset[str]], ...]
    hours: tuple[Hours, ...]
    path: bool = False
    """Whether the path itself is looked at,"""
    any_arguments: bool = False
    """the arguments themselves,"""
    minute: bool = False
    """and the time itself."""
    none: bool = field(init=False)
    """Whether nothing is looked at."""
    _held: tuple[int, frozenset[str]] = (-1, frozenset())

    def __post_init__(self) -> None:
        looked = self.methods or self.path or self.any_arguments or self.minute
        self.none = not (looked or self.paths or self.arguments or self.hours)

    def of(self, access: Access, now: float) -> Hashable:
        """*access* must be one of those that these facts are for: of the same act, on the same place."""
        if self.any_arguments and access.arguments is not None:
            return NEVER
        return (
            access.method if self.methods else None,
            access.path if self.path else tuple(within(paths, access.path) for paths in self.paths),
            self._argued(access) if self.arguments else None,
            self.held(now) if self.hours else None,
            now // MINUTE if self.minute else None,
        )

    def _argued(self, access: Access) -> tuple[bool, ...] | None:
        given = access.arguments
        return None if given is None else tuple(argued(given.get(name), values) for name, values in self.arguments)

    def held(self, now: float) -> frozenset[str]:
        """The hours that it is now; times of day change by the minute."""
        minute = int(now // MINUTE)
        if self._held[0] != minute:
            self._held = minute, frozenset(str(each) for each in self.hours if each.hold(now))
        return self._held[1]


def facts(act: Act, rules: Iterable[Rule], mentions: frozenset[str] = frozenset()) -> Facts:
    """Of those that *rules* look at, and policies that mention these members of the context."""
    capabilities = [rule.capability for rule in rules]
    call, tool = act is Act.CALL, act is Act.TOOL
    return Facts(
        methods=call and ("method" in mentions or any(each.methods is not None for each in capabilities)),
        paths=tuple(each.paths for each in capabilities if call and each.paths is not None),
        arguments=tuple(dict.fromkeys(one for each in capabilities if tool for one in each.arguments.items())),
        hours=tuple(dict.fromkeys(one for each in capabilities for one in each.hours)),
        path=call and "path" in mentions,
        any_arguments=tool and "arguments" in mentions,
        minute="now" in mentions,
    )
