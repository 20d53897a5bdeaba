"""What would become of an access, beforehand: the decision, and whatever else the doors look at. Nothing is called."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sidecar.assembly import deciding
from sidecar.egress.routes import Leg
from sidecar.identity.principal import Kind
from sidecar.oauth.provider import Provider, by_users
from sidecar.policy.decision import Access, Act, Policy
from sidecar.policy.declared import ENTER, Declared
from sidecar.policy.expectations import Verdict
from sidecar.policy.explained import Failure, called, explain
from sidecar.settings import Settings, ways


@dataclass(frozen=True, slots=True)
class Said:
    """What a command has to say."""

    lines: list[str]
    json: Any
    well: bool = True
    """Whether what was asked is allowed, or holds."""


class Judge:
    """Says of one configuration what the doors would."""

    def __init__(self, settings: Settings, policy: Policy, declared: Declared) -> None:
        """*policy* decides and enforces; *declared* knows the capabilities that it rests on."""
        self.settings, self.policy, self.declared = settings, policy, declared

    @classmethod
    def of(cls, settings: Settings) -> "Judge":
        declared = Declared(settings.capabilities.values(), settings.inbound.who, ways.toolboxes(settings))
        return cls(settings, deciding.policy(settings), declared)

    def verdict(self, access: Access, now: float) -> Verdict:
        """*now*: epoch seconds."""
        enters = Access(access.principal, act=Act.ENTER)
        if access.principal is not None and access.wanted is not Act.ENTER:
            entered = self._decided(enters, now)
            if not entered.allowed:
                return entered
        decided = self._decided(access, now)
        hurdles = tuple(self._hurdles(access))
        allowed, shadow = decided.allowed and not hurdles, decided.shadow and not hurdles
        notes = tuple(self._notes(access)) if allowed or shadow else ()
        return Verdict(allowed, decided.capability, decided.failures, hurdles, shadow, notes)

    def _decided(self, access: Access, now: float) -> Verdict:
        explanation = explain(self.policy, self.declared, self.settings.inbound.who, access, now)
        decision = explanation.decision
        if decision.capability is not None:
            return Verdict(True, ENTER if access.wanted is Act.ENTER else decision.capability)
        shadow = self.settings.policy.mode == "shadow"
        return Verdict(False, decision.nearest, explanation.failures, shadow=shadow)

    def _hurdles(self, access: Access) -> Iterator[Failure]:
        """What no capability opens."""
        if access.wanted is Act.ENTER:
            return
        settings, principal = self.settings, access.principal
        provider = settings.providers.get(access.provider or "")
        route = settings.egress.routes.get(access.route or "")
        if access.wanted is Act.CALL and route is not None:
            leg = Leg.of(route)
            if not leg.takes(access.method.encode(), access.path.encode()):
                yield Failure(
                    "route: it doesn't take that", f"the route {route.name} doesn't take {access.method} {access.path}"
                )
        if access.wanted is Act.CREDENTIAL and provider is not None and not provider.hand_out:
            yield Failure("hand_out: it is false", f"{provider.name} is attach-only: hand_out is not true")
        unattended = route is not None and route.unattended and access.wanted is Act.CALL
        if principal is None and settings.agent.token == "off" and not unattended:  # noqa: S105 - no secret
            yield Failure("agent.token: it is off", "the agent has no handle of its own: agent.token is off")
        if provider is not None:
            yield from _of_users(access, provider)

    def _notes(self, access: Access) -> Iterator[str]:
        provider = self.settings.providers.get(access.provider or "")
        if provider is not None and by_users(provider) and access.wanted is not Act.ENTER:
            yield f"{called(access.principal)} has to agree first, at {provider.name}"


def _of_users(access: Access, provider: Provider) -> Iterator[Failure]:
    if access.principal is None:
        if provider.acts_as == "principal":
            yield Failure("acts_as: it is principal", f"{provider.name} acts for principals, and the agent is none")
    elif by_users(provider) and access.principal.kind is not Kind.USER:
        name = called(access.principal)
        yield Failure("consent: only a user can give it", f"{provider.name} takes a user's consent; {name} is no user")
