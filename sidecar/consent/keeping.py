"""Spends users' codes at providers, keeps what they grant in the vault, and gives it back."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from sidecar.consent.surroundings import Offer, Redemption
from sidecar.errors import Refusal
from sidecar.oauth import account, catalog, client, flow
from sidecar.oauth.account import Account
from sidecar.oauth.catalog.entry import Entry
from sidecar.oauth.discovery import Discovery
from sidecar.oauth.provider import Provider
from sidecar.oauth.surroundings import Surroundings
from sidecar.vault.grant import At, Grant, Owner, Place
from sidecar.vault.vault import Vault

log = logging.getLogger(__name__)

_REVOCATION_SECONDS = 5.0


class Keeping:
    """``consent.surroundings.Grants`` over the vault."""

    def __init__(
        self,
        vault: Vault,
        world: Surroundings,
        providers: Mapping[str, Provider],
        *,
        namespace: str = "",
        changed: Callable[[Owner, Provider], None] = lambda _owner, _provider: None,
    ) -> None:
        """*changed* is called when what *owner* has granted of a provider isn't any more what it was."""
        self._vault, self._world, self._providers = vault, world, providers
        self._namespace, self._changed = namespace, changed
        self._discoveries: dict[str, Discovery] = {}

    async def entry(self, provider: Provider) -> Entry:
        issuer = catalog.discovered_at(provider)
        if issuer is None:
            return catalog.entry(provider)
        discovery = self._discoveries.get(provider.name)
        if discovery is None:
            discovery = Discovery(provider.name, "discovery", issuer, self._world)
            self._discoveries[provider.name] = discovery
        return catalog.entry(provider, await discovery.endpoint())

    async def redeem(self, provider: Provider, owner: Owner, scopes: frozenset[str], redemption: Redemption) -> Offer:
        entry = await self.entry(provider)
        now = self._world.clock()
        request = flow.exchange(
            entry,
            provider,
            code=redemption.code.reveal(),
            redirect_uri=redemption.redirect_uri,
            verifier=redemption.verifier.reveal(),
            scopes=scopes,
            assertion=client.assertion(provider, entry.issuer or entry.token_url, self._world),
            seconds=self._world.seconds,
        )
        answer = await client.fetched(self._world, request, provider.name, "token endpoint")
        try:
            tokens = flow.granted(entry, provider, answer, scopes, now, redemption.nonce.reveal())
        except Refusal:
            if (stray := flow.stray(entry, provider, answer, now)) is not None:
                await self.discard(provider, _grant(Place(owner, self._at(entry, provider), stray.scopes), stray, now))
            raise
        grant = _grant(Place(owner, self._at(entry, provider), tokens.scopes), tokens, now)
        try:
            whose = tokens.account or await self._asked(entry, provider, tokens)
        except Refusal:
            await self.discard(provider, grant)
            raise
        return Offer(replace(grant, account=whose.id, label=whose.label), tokens.missing)

    async def _asked(self, entry: Entry, provider: Provider, tokens: flow.Tokens) -> Account:
        """Whose account it is, where the provider has to be asked; one that can't be told is the same as all such."""
        assertion = client.assertion(provider, entry.issuer or entry.token_url, self._world)
        request = account.request(
            entry, provider, tokens.access_token, assertion=assertion, seconds=self._world.seconds
        )
        if request is None:
            return Account("", "")
        answer = await client.fetched(self._world, request, provider.name, "account")
        return account.in_call(entry, provider, answer, self._world.clock())

    async def held(self, owner: Owner) -> Mapping[str, Sequence[Grant]]:
        grants = await self._vault.of(owner)
        found = {
            provider.name: [grant for grant in grants if self._its(provider, grant.place.at)]
            for provider in self._providers.values()
        }
        return {name: mine for name, mine in found.items() if mine}

    def _its(self, provider: Provider, at: At) -> bool:
        ours = (at.client_id, at.namespace) == (provider.client_id or "", self._namespace)
        return ours and catalog.serves(provider, at.server)

    async def keep(self, provider: Provider, grant: Grant, instead_of: Sequence[Grant]) -> None:
        await self._vault.put(grant)
        here = [other for other in instead_of if other.place == grant.place]  # where there is another one now
        elsewhere = [other for other in instead_of if other.place != grant.place]
        await self._give_back(provider, grant.place.owner, elsewhere, here)

    async def discard(self, provider: Provider, grant: Grant) -> None:
        """Many providers end all that a user has granted a client by the end of one token: what another grant of the
        same account would be lost with is let lie."""
        owner, name = grant.place.owner, provider.name
        try:
            held = (await self.held(owner)).get(name, ())
        except Refusal as refusal:
            log.warning("what isn't kept of %s can't be given back: %s", name, refusal.reason)
            return
        if any(each.alive and grant.account in ("", each.account) for each in held):
            log.info("what isn't kept of %s is not given back: that might end what is", name)
            return
        await self.give_back(provider, grant)

    async def disconnect(self, owner: Owner, provider: Provider) -> None:
        await self._give_back(provider, owner, (await self.held(owner)).get(provider.name, ()))

    async def _give_back(
        self, provider: Provider, owner: Owner, grants: Sequence[Grant], gone: Sequence[Grant] = ()
    ) -> None:
        """First nobody finds them here any more, then their provider is told of them and of those that are *gone*."""
        taken = [*gone]
        try:
            for grant in grants:
                if (old := await self._vault.remove(grant)) is not None:
                    taken.append(old)  # noqa: PERF401 - what came before one that fails is given back
        finally:
            self._changed(owner, provider)
            await asyncio.gather(*(self.give_back(provider, each) for each in taken))

    async def give_back(self, provider: Provider, grant: Grant) -> bool:
        try:
            entry = await self.entry(provider)
            assertion = client.assertion(provider, entry.issuer or entry.token_url, self._world)
            request = flow.revoke(entry, provider, grant, assertion=assertion, seconds=_REVOCATION_SECONDS)
            if request is not None:
                answer = await client.fetched(self._world, request, provider.name, "revocation endpoint")
                flow.revoked(entry, provider, answer, self._world.clock())
        except Refusal as refusal:
            log.warning("a grant could not be revoked at %s: %s", provider.name, refusal.reason)
            return False
        return request is not None

    def _at(self, entry: Entry, provider: Provider) -> At:
        return At(entry.server, provider.client_id or "", self._namespace)


def _grant(place: Place, tokens: flow.Tokens, now: float) -> Grant:
    """Of nobody's account yet."""
    return Grant(
        place=place,
        account="",
        label="",
        refresh_token=tokens.refresh_token,
        refresh_expires=tokens.refresh_expires,
        access_token=tokens.access_token,
        token_type=tokens.token_type,
        expires=tokens.expires,
        since=now,
        used=None,
        used_by="",
    )
