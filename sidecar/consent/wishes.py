"""What agents asked for and users haven't granted, for the accounts page. In memory only: what is wanted is asked for
again."""

from collections.abc import Mapping
from dataclasses import dataclass

from sidecar.vault.grant import Owner

_MOST_OF_ONE = 32


@dataclass(frozen=True, slots=True)
class Wish:
    scopes: frozenset[str]
    """In the provider's form: all that was asked for and isn't granted."""
    asked: float
    """When last, epoch seconds."""


class Wishes:
    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._held: dict[Owner, dict[str, Wish]] = {}

    def note(self, owner: Owner, provider: str, scopes: frozenset[str], now: float) -> None:
        """*owner* was asked for *scopes* of *provider* just now."""
        mine = self._held.pop(owner, {})
        before = mine.pop(provider, Wish(frozenset(), now))
        mine[provider] = Wish(before.scopes | scopes, now)
        while len(mine) > _MOST_OF_ONE:
            del mine[next(iter(mine))]
        while len(self._held) >= self._most:
            del self._held[next(iter(self._held))]
        self._held[owner] = mine

    def granted(self, owner: Owner, provider: str, missing: frozenset[str]) -> None:
        """The user has answered: of what was asked for, *missing* alone is still wanted."""
        mine = self._held.get(owner, {})
        before = mine.pop(provider, None)
        if before is not None and (left := before.scopes & missing):
            mine[provider] = Wish(left, before.asked)
        if owner in self._held and not mine:
            del self._held[owner]

    def of(self, owner: Owner) -> Mapping[str, Wish]:
        """By provider, what was asked for last at the end."""
        return dict(self._held.get(owner, {}))
