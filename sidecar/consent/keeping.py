"""Spends users' codes at providers, keeps what they grant in the vault, and gives it back."""

import logging
from collections.abc import Callable, Mapping, Sequence

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
        tokens = flow.granted(entry, provider, answer, scopes, now, redemption.nonce.reveal())
        whose = tokens.account or await self._asked(entry, provider, tokens)
        grant = Grant(
            place=Place(owner, self._at(entry, provider), tokens.scopes),
            account=whose.id,
            label=whose.label,
            refresh_token=tokens.refresh_token,
            refresh_expires=tokens.refresh_expires,
            access_token=tokens.access_token,
            token_type=tokens.token_type,
            expires=tokens.expires,
            since=now,
            used=None,
            used_by="",
        )
        return Offer(grant, tokens.missing)

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
        found: dict[str, list[Grant]] = {}
        if not grants:
            return found
        for provider in self._providers.values():
            try:
                at = self._at(await self.entry(provider), provider)
            except Refusal as refusal:  # whether it has some can't be told now; the others' can
                log.warning("what is granted of %s can't be told: %s", provider.name, refusal.reason)
                continue
            if mine := [grant for grant in grants if grant.place.at == at]:
                found[provider.name] = mine
        return found

    async def keep(self, provider: Provider, grant: Grant, instead_of: Sequence[Grant]) -> None:
        await self._vault.put(grant)
        for other in instead_of:
            if other.place == grant.place:  # where there is another one now
                await self._revoke(provider, other)
            else:
                await self._give_back(provider, other)
        self._changed(grant.place.owner, provider)

    async def discard(self, provider: Provider, grant: Grant) -> None:
        await self._revoke(provider, grant)

    async def disconnect(self, owner: Owner, provider: Provider) -> None:
        for grant in (await self.held(owner)).get(provider.name, ()):
            await self._give_back(provider, grant)
        self._changed(owner, provider)

    async def _give_back(self, provider: Provider, grant: Grant) -> None:
        gone = await self._vault.remove(grant)
        if gone is not None:
            await self._revoke(provider, gone)

    async def _revoke(self, provider: Provider, grant: Grant) -> None:
        """At the provider, as far as that can be: it is gone from here in any case."""
        try:
            entry = await self.entry(provider)
            assertion = client.assertion(provider, entry.issuer or entry.token_url, self._world)
            request = flow.revoke(entry, provider, grant, assertion=assertion, seconds=_REVOCATION_SECONDS)
            if request is not None:
                answer = await client.fetched(self._world, request, provider.name, "revocation endpoint")
                flow.revoked(entry, provider, answer, self._world.clock())
        except Refusal as refusal:
            log.warning("a grant could not be revoked at %s: %s", provider.name, refusal.reason)

    def _at(self, entry: Entry, provider: Provider) -> At:
        return At(entry.server, provider.client_id or "", self._namespace)
