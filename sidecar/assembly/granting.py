"""What is had of users' grants: the sources of those credentials, and the grants themselves, for the identity API and
the commands. Nothing of it is imported before a user has granted something, or is to be asked."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from sidecar.assembly.ground import Ground
from sidecar.errors import NotPermitted
from sidecar.events import Attribute, Event, Name, Value
from sidecar.identity.principal import Principal
from sidecar.oauth.credential import Ask, Source
from sidecar.oauth.provider import Provider
from sidecar.oauth.sources import Maker
from sidecar.oauth.surroundings import Surroundings
from sidecar.settings import Settings
from sidecar.vault.grant import Grant, Owner

if TYPE_CHECKING:
    from sidecar.consent.surroundings import Surroundings as Consent
    from sidecar.oauth.broker import Broker

_POSTGRESQL = "postgresql:"


def granted(settings: Settings, ground: Ground) -> Maker:
    """Makes the source of a provider that users grant something of."""
    url, namespace = settings.vault.url, settings.vault.namespace or ""

    def source(provider: Provider, world: Surroundings) -> Source:
        from sidecar.oauth.broker import Broker
        from sidecar.oauth.granted import Granted

        return Granted(
            Broker(
                provider,
                world,
                vault=ground.keeping.vault(),
                namespace=namespace,
                shared=url is not None and url.reveal().startswith(_POSTGRESQL),
                consents=Asked(ground),
                dead=lambda provider, ask, scopes, why: _dead(ground, provider, ask, scopes, why),
            )
        )

    return source


class Asked:
    """``oauth.broker.Consents``: users are asked as the configuration in force says, however old a source is."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def begin(
        self,
        principal: Principal,
        provider: Provider,
        scopes: frozenset[str],
        invocation: bytes,
        trace_id: bytes,
        span_id: bytes,
    ) -> tuple[str, str]:
        consenting = self._ground.consenting
        if consenting is None or not consenting.asks:
            mend = "Set consent.public_url: without it users can't be asked."
            raise NotPermitted(f"{provider.name}: users can't be asked", mend=mend)
        url, session = consenting.begin(principal, provider, scopes, invocation, trace_id, span_id)
        self._ground.links.offer(invocation, url)
        return url, session

    def status(self, principal: Principal, session: str) -> str:
        consenting = self._ground.consenting
        return consenting.status(principal, session) if consenting is not None and consenting.asks else "expired"


class Connected:
    """``api.surroundings.Connections``."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def held(self, owner: Owner) -> Mapping[str, Sequence[Grant]]:
        return await self._consent().grants.held(owner)

    async def disconnect(self, owner: Owner, provider: Provider) -> None:
        await self._consent().grants.disconnect(owner, provider)

    def provider_of(self, grant: Grant) -> Provider | None:
        """Of which of the configured ones *grant* is."""
        from sidecar.oauth import catalog

        at = grant.place.at
        providers = self._consent().providers.values()
        mine = (
            each for each in providers if (each.client_id or "") == at.client_id and catalog.serves(each, at.server)
        )
        return next(mine, None)

    def drop(self, grant: Grant) -> None:
        """*grant* is out of the vault: what is held of it is used no more."""
        consenting, provider = self._ground.consenting, self.provider_of(grant)
        if consenting is not None and provider is not None:
            consenting.changed(grant.place.owner, provider)

    async def give_back(self, grant: Grant) -> bool:
        """Tell its provider, if that is configured; whether it has revoked *grant*."""
        provider = self.provider_of(grant)
        return provider is not None and await self._consent().grants.give_back(provider, grant)

    def _consent(self) -> "Consent":
        """Raise ``NotPermitted``."""
        if self._ground.consenting is None:
            raise NotPermitted("there is no way out yet")
        return self._ground.consenting.surroundings()


async def keep_alive(ground: Ground, sources: Callable[[], Mapping[str, Source]]) -> None:
    """Grants that would end because nobody uses them, until cancelled. *sources* are those in force."""
    from sidecar.oauth import idle
    from sidecar.oauth.granted import Granted

    def brokers() -> "list[Broker]":
        return [each.broker for each in sources().values() if isinstance(each, Granted)]

    await idle.keep(ground.keeping.vault, brokers, time.time)


def _dead(ground: Ground, provider: Provider, ask: Ask, scopes: frozenset[str], why: str) -> None:
    """Raise ``AuditUnavailable``."""
    attributes: dict[str, Value] = {
        **(ground.subjects.of(ask.principal) if ask.principal is not None else {}),
        Attribute.PROVIDER: provider.name,
        Attribute.SCOPES: tuple(sorted(scopes)),
        Attribute.OUTCOME: "dead",
        Attribute.REASON: why,
    }
    if ask.invocation:
        attributes[Attribute.INVOCATION_ID] = ask.invocation.decode()
    event = Event(Name.GRANT_DEAD, time.time_ns(), ask.trace_id.decode(), ask.span_id.decode(), attributes)
    ground.journal.record(event.encode())
