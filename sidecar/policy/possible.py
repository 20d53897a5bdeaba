"""Whether anybody can meet a condition, as far as their issuers let it be known beforehand. Pure.

A condition is taken for a formula whose letters are "the key has one of these values". Of a key with one value (kind,
tenant) those that are asked for must have one in common; of a list (groups, roles, claims) each that is asked for must
have one that isn't forbidden elsewhere. So nothing but ``any``, and a ``not`` of several keys, has to be tried out.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sidecar.policy.capability import Who

_MOST_TRIED = 20_000
"""After which it is taken for possible: nobody is told of a fault that isn't certain."""
_SINGLE = ("issuer", "subject", "kind", "tenant", "client")
_LISTS = ("groups", "roles", "scopes")


@dataclass(frozen=True, slots=True)
class Source:
    """What is known of an issuer's principals before any of them comes."""

    issuer: str
    kinds: frozenset[str]
    tenants: frozenset[str] | None = None
    """``None``: any; empty: its principals have none."""
    clients: frozenset[str] | None = None
    groups: bool = True
    """Whether its tokens can name any."""
    roles: bool = True


_FREE: Mapping[str, Mapping[str, object]] = {
    "groups": {"groups": True},
    "roles": {"roles": True},
    "kind": {"kinds": frozenset({"user", "service", "workflow"})},
    "tenant": {"tenants": None},
    "client": {"clients": None},
}
"""What a source would be like if it set no bounds to the key."""


def hindrance(who: Who, sources: Iterable[Source]) -> str | None:
    """The key that nobody of *sources* can meet, nor the agent itself; empty where the condition contradicts itself, or
    several keys are to blame; ``None``: somebody can meet it."""
    known = tuple(sources)
    if who.met(None) or _possible(who, known):
        return None
    for key, free in _FREE.items():
        if _possible(who, tuple(replace(source, **free) for source in known)):  # type: ignore[arg-type]  # by its own fields
            return key
    issuers = who.issuer or frozenset()
    return "issuer" if issuers and issuers.isdisjoint(source.issuer for source in known) else ""


def both(one: Who, other: Who) -> Who:
    """The condition that both are met."""
    return Who(principal=False, all_of=(one, other))


def _possible(who: Who, sources: Sequence[Source]) -> bool:
    return any(_Trial(source).meets(who) for source in sources)


@dataclass(frozen=True, slots=True)
class _Letter:
    key: str
    named: frozenset[str]
    holds: bool


@dataclass(frozen=True, slots=True)
class _Junction:
    parts: tuple["_Formula", ...]
    all: bool
    """Whether all must hold, or one."""


_Formula = _Letter | _Junction


def _formula(who: Who, *, holds: bool) -> _Junction:
    """*who*, or its negation, with every ``not`` at a letter."""
    return _Junction(tuple(_parts(who, holds=holds)), all=holds)


def _parts(who: Who, *, holds: bool) -> Iterator[_Formula]:
    for key in (*_SINGLE, *_LISTS):
        if (named := getattr(who, key)) is not None:
            yield _Letter(key, named, holds)
    for path, values in who.claims.items():
        yield _Letter(f"claims.{path}", values, holds)
    if who.any_of:
        yield _Junction(tuple(_formula(each, holds=holds) for each in who.any_of), all=not holds)
    for each in who.all_of:
        yield _formula(each, holds=holds)
    for each in who.none_of:
        yield _formula(each, holds=not holds)


class _Trial:
    """Looks for a principal of one source."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._tried = 0
        self._bounds: Mapping[str, frozenset[str] | None] = {
            "issuer": frozenset({source.issuer}),
            "kind": source.kinds,
            "tenant": source.tenants,
            "client": source.clients,
        }

    def meets(self, who: Who) -> bool:
        return self._holds((_formula(who, holds=True),), ())

    def _holds(self, open_: tuple[_Formula, ...], letters: tuple[_Letter, ...]) -> bool:
        """Whether *open_* can all hold besides *letters*."""
        self._tried += 1
        if self._tried > _MOST_TRIED:
            return True
        if not open_:
            return True
        first, rest = open_[0], open_[1:]
        if isinstance(first, _Letter):
            known = (*letters, first)
            return self._agree(first.key, known) and self._holds(rest, known)
        if first.all:
            return self._holds((*first.parts, *rest), letters)
        return any(self._holds((part, *rest), letters) for part in first.parts)

    def _agree(self, key: str, letters: tuple[_Letter, ...]) -> bool:
        asked = [letter.named for letter in letters if letter.key == key and letter.holds]
        barred = frozenset[str]().union(*(letter.named for letter in letters if letter.key == key and not letter.holds))
        if key not in _SINGLE:
            given = getattr(self._source, key, True)
            return all(given and named - barred for named in asked)
        bound = self._bounds.get(key)
        if bound is not None:
            asked.append(bound or frozenset({""}))
        return not asked or bool(frozenset.intersection(*asked) - barred)
