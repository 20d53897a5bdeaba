"""One source for each configured provider, by its type."""

from collections.abc import Callable, Mapping
from typing import NoReturn

from sidecar.errors import NotPermitted
from sidecar.oauth.credential import Ask, Source
from sidecar.oauth.provider import Provider, by_users
from sidecar.oauth.surroundings import Surroundings

GRANTED = "granted"
"""Stands for every type of provider that users grant something of."""
Maker = Callable[[Provider, Surroundings], Source]


def source(provider: Provider, surroundings: Surroundings, others: Mapping[str, Maker] | None = None) -> Source:
    """The source of *provider*. *others* makes those of types that have a room of their own (``aws``), and those whose
    credentials users grant (``GRANTED``)."""
    makers = {**_MAKERS, **(others or {})}
    kind = GRANTED if by_users(provider) else provider.type
    maker = makers.get(kind)
    return maker(provider, surroundings) if maker is not None else Unbuilt(provider.name, f"type: {provider.type}")


class Unbuilt:
    """Stands for a provider of which nothing can be had in this release."""

    fills = frozenset({b"authorization"})
    parameter = b""

    def __init__(self, name: str, what: str) -> None:
        self._why = f"the provider {name} can't be used yet: {what} isn't part of this release"

    def ready(self, ask: Ask) -> NoReturn:
        raise NotPermitted(self._why, mend="Use another type of provider: this one isn't part of this release yet.")

    async def obtain(self, ask: Ask) -> NoReturn:
        self.ready(ask)

    def close(self) -> None:
        """Nothing is held."""


def _static(provider: Provider, _surroundings: Surroundings) -> Source:
    from sidecar.oauth.static import static

    return static(provider)


def _client_credentials(provider: Provider, surroundings: Surroundings) -> Source:
    from sidecar.oauth.client_credentials import ClientCredentials

    return ClientCredentials(provider, surroundings)


def _assertions(provider: Provider, surroundings: Surroundings) -> Source:
    from sidecar.oauth.assertion import Assertions

    return Assertions(provider, surroundings)


def _exchanged(provider: Provider, surroundings: Surroundings) -> Source:
    from sidecar.oauth.exchanged import Exchanged

    return Exchanged(provider, surroundings)


_MAKERS: Mapping[str, Maker] = {
    "api_key": _static,
    "bearer": _static,
    "oauth2": _client_credentials,
    "agent": _assertions,
    "exchange": _exchanged,
}
