"""What those who run an agent say to users who are asked: the ``consent_text`` of the capabilities that it is about.
Pure."""

from collections.abc import Callable, Iterable

from sidecar.identity.principal import Principal
from sidecar.oauth.catalog import MAKERS
from sidecar.oauth.catalog.scopes import named
from sidecar.oauth.provider import Provider
from sidecar.policy.capability import Capability


def told(
    capabilities: Iterable[Capability],
) -> Callable[[Principal, Provider, frozenset[str]], tuple[str, ...]]:
    """By principal, provider and what is asked for, in the provider's form."""
    speaking = tuple(capability for capability in capabilities if capability.consent_text)

    def texts(principal: Principal, provider: Provider, scopes: frozenset[str]) -> tuple[str, ...]:
        found = (
            capability.consent_text or ""
            for capability in speaking
            if capability.provider == provider.name
            and _about(capability, provider, scopes)
            and capability.who.unmet(principal) is None
        )
        return tuple(dict.fromkeys(found))

    return texts


def _about(capability: Capability, provider: Provider, scopes: frozenset[str]) -> bool:
    maker = MAKERS.get(provider.type)
    allowed = capability.scopes if maker is None else named(maker(provider), capability.scopes)
    return not allowed or not allowed.isdisjoint(scopes)
