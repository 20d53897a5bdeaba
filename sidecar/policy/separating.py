"""The weakest condition that some people meet and others don't. Pure.

It is looked for among what a log can tell: issuers, kinds, groups, roles; one of them before two, and what one value
says before what several say.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from sidecar.policy.traffic import Person

Condition = dict[str, list[str]]
"""A ``who`` as a configuration has it; empty: ``any``."""


@dataclass(frozen=True, slots=True)
class Separated:
    condition: Condition
    besides: int = 0
    """How many of the others meet it all the same: no condition tells them apart."""


def separate(some: Collection[Person], others: Collection[Person], everybody: Collection[Person]) -> Separated:
    """Whom *some* are and none of *others*. Of several groups or roles that tell them apart the one is taken that the
    fewest of *everybody* have."""
    best: Separated | None = None
    for condition in _candidates(some, others, everybody):
        besides = sum(meets(condition, person) for person in others)
        if not besides:
            return Separated(condition)
        if best is None or besides < best.besides:
            best = Separated(condition, besides)
    return best or Separated({})


def meets(condition: Condition, person: Person) -> bool:
    held = {
        "issuer": frozenset({person.issuer}),
        "kind": frozenset({person.kind}),
        "groups": person.groups or frozenset(),
        "roles": person.roles or frozenset(),
    }
    return all(not held[key].isdisjoint(values) for key, values in condition.items())


def _candidates(
    some: Collection[Person], others: Collection[Person], everybody: Collection[Person]
) -> Iterator[Condition]:
    """Conditions that all of *some* meet, the weakest first."""
    issuers = sorted({person.issuer for person in some})
    kinds = sorted({person.kind for person in some})
    yield {}
    yield {"issuer": issuers}
    yield {"kind": kinds}
    yield {"issuer": issuers, "kind": kinds}
    # The same name is another group at another issuer.
    whose: Condition = {"issuer": issuers} if len({person.issuer for person in everybody}) > 1 else {}
    rivals, those = ([each for each in people if each.issuer in issuers] for people in (others, everybody))
    for key, of in _LISTS:
        for values in (_shared(some, rivals, those, of), _covering(some, rivals, of)):
            if values:
                yield {**whose, key: values}
                yield {**whose, "kind": kinds, key: values}


_Of = Callable[[Person], frozenset[str] | None]
_LISTS: tuple[tuple[str, _Of], ...] = (("groups", lambda person: person.groups), ("roles", lambda person: person.roles))


def _shared(some: Collection[Person], others: Collection[Person], everybody: Collection[Person], of: _Of) -> list[str]:
    """The one value that all of *some* have and the fewest of *others*, then of *everybody*."""
    shared = frozenset.intersection(*(of(person) or frozenset() for person in some)) if some else frozenset()

    def holders(value: str) -> tuple[int, int, str]:
        return _count(value, others, of), _count(value, everybody, of), value

    return [min(shared, key=holders)] if shared else []


def _count(value: str, people: Collection[Person], of: _Of) -> int:
    return sum(value in (of(person) or frozenset()) for person in people)


def _covering(some: Collection[Person], others: Collection[Person], of: _Of) -> list[str]:
    """The fewest values, by taking the one that most have, of which each of *some* has one and none of *others* any."""
    barred = frozenset[str]().union(*(of(person) or frozenset() for person in others))
    left = [(of(person) or frozenset()) - barred for person in some]
    taken: list[str] = []
    while left:
        candidates = frozenset[str]().union(*left)
        if not candidates or not all(left):
            return []
        most = min(candidates, key=lambda value: (-sum(value in values for values in left), value))
        taken.append(most)
        left = [values for values in left if most not in values]
    return sorted(taken)
