"""What is known of each OAuth provider, as data: one ``Entry`` each, and what it does differently."""

from collections.abc import Iterable, Mapping

from sidecar.oauth import metadata
from sidecar.oauth.catalog import business, code, scopes, shelves, suites, talk
from sidecar.oauth.catalog.custom import custom
from sidecar.oauth.catalog.entry import Entry, Maker
from sidecar.oauth.metadata import Endpoint
from sidecar.oauth.provider import Provider

__all__ = ["MAKERS", "Entry", "discovered_at", "entry", "named", "serves"]

MAKERS: Mapping[str, Maker] = {
    **suites.MAKERS,
    **business.MAKERS,
    **code.MAKERS,
    **talk.MAKERS,
    **shelves.MAKERS,
}
"""By the provider's type."""


def discovered_at(provider: Provider) -> str | None:
    """The issuer whose metadata ``entry`` needs; ``None``: it needs none."""
    if provider.type in MAKERS:
        return None
    return provider.url if provider.type == "sandbox" else provider.discovery


def entry(provider: Provider, discovered: Endpoint | None = None) -> Entry:
    """What is known of *provider*; *discovered* is what the issuer at ``discovered_at`` says of itself. Raise
    ``ProviderRefused`` where that isn't enough."""
    maker = MAKERS.get(provider.type)
    return custom(provider, discovered) if maker is None else maker(provider)


def serves(provider: Provider, server: str) -> bool:
    """Whether what is granted at *server* (``Entry.server``) is granted of *provider*. Nobody has to be asked: metadata
    are an issuer's own."""
    issuer = discovered_at(provider)
    return server == entry(provider).server if issuer is None else server in metadata.issuers(issuer)


def named(provider: Provider, asked: Iterable[str]) -> frozenset[str]:
    """The scopes *asked* in *provider*'s form, in which they are compared; a provider that nobody knows has no other
    names for them."""
    maker = MAKERS.get(provider.type)
    return frozenset(asked) if maker is None else scopes.named(maker(provider), asked)
