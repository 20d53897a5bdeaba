"""The shadow mode: everything is let through, and what would be refused says so. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

from sidecar.identity.principal import Principal
from sidecar.policy.decision import Access, Decision, Policy


class Whole(Policy, Protocol):
    @property
    def full(self) -> tuple[str, ...]:
        """Every tool that is declared by its whole name, sorted."""


class Shadow:
    """Asks a policy, and refuses nothing."""

    MOST_REMEMBERED = 1024

    def __init__(self, policy: Whole) -> None:
        self._policy = policy
        self._shadowed: dict[Decision, Decision] = {}

    @property
    def enforced(self) -> Policy:
        """What decides otherwise."""
        return self._policy

    def decide(self, access: Access, now: float) -> Decision:
        decision = self._policy.decide(access, now)
        if decision.capability is not None:
            return decision
        found = self._shadowed.get(decision)
        if found is None:
            if len(self._shadowed) >= self.MOST_REMEMBERED:
                self._shadowed.clear()
            found = self._shadowed[decision] = replace(decision, shadow=True)
        return found

    def tools(self, principal: Principal | None, names: Iterable[str], now: float) -> list[bool]:
        return [True for _ in names]

    def declared(self, principal: Principal | None, now: float) -> tuple[str, ...]:
        return self._policy.full
