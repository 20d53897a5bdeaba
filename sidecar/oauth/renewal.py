"""One provider's word on grants that are there: their tokens renewed, and what nobody has kept given back."""

import logging
from dataclasses import replace

from sidecar.errors import GrantDead, InteractionRequired, ProviderUnreachable, Refusal
from sidecar.oauth import catalog, client, flow
from sidecar.oauth.catalog.entry import Entry
from sidecar.oauth.discovery import Discovery
from sidecar.oauth.provider import Provider
from sidecar.oauth.surroundings import Surroundings
from sidecar.vault.grant import Grant
from sidecar.wire.http import Request, Response

log = logging.getLogger(__name__)


class Renewal:
    """Whatever waits may raise a ``Refusal``."""

    def __init__(self, provider: Provider, surroundings: Surroundings) -> None:
        self._provider, self._surroundings = provider, surroundings
        issuer = catalog.discovered_at(provider)
        key = "url" if provider.type == "sandbox" else "discovery"
        self._discovery = None if issuer is None else Discovery(provider.name, key, issuer, surroundings)
        self._known = catalog.entry(provider) if issuer is None else None

    async def entry(self) -> Entry:
        """What is known of the provider, discovered where need be."""
        if self._discovery is not None:
            return catalog.entry(self._provider, await self._discovery.endpoint())
        return self._known or catalog.entry(self._provider)

    async def renewed(self, entry: Entry, grant: Grant, scopes: frozenset[str]) -> Grant:
        """*grant* with new tokens; *scopes*, where a token is for one resource alone, says for which. ``Vault.refresh``
        alone may call it. Raise ``GrantDead`` where the provider honours the grant no more."""
        provider, spent = self._provider, grant.refresh_token
        if spent is None:
            raise InteractionRequired(f"{provider.name}: there is nothing to renew the grant with")
        proof, seconds = self._proof(entry), self._surroundings.seconds
        request = flow.refresh(entry, provider, spent, scopes, assertion=proof, seconds=seconds)
        try:
            answer = await self._fetch(request, "token endpoint")
            now = self._surroundings.clock()
            tokens = flow.refreshed(entry, provider, answer, scopes or grant.place.scopes, now, spent)
        except ProviderUnreachable as refusal:
            if self._discovery is not None and not isinstance(refusal, GrantDead):
                self._discovery.forget()  # it may have moved
            raise
        same = tokens.refresh_token == spent and tokens.refresh_expires is None
        return replace(
            grant,
            refresh_token=tokens.refresh_token,
            refresh_expires=grant.refresh_expires if same else tokens.refresh_expires,
            access_token=tokens.access_token,
            token_type=tokens.token_type,
            expires=tokens.expires,
        )

    async def give_back(self, grant: Grant) -> None:
        """Revoke *grant*, which isn't kept: it doesn't matter whether the provider can."""
        try:
            entry = await self.entry()
            proof, seconds = self._proof(entry), self._surroundings.seconds
            request = flow.revoke(entry, self._provider, grant, assertion=proof, seconds=seconds)
            if request is not None:
                answer = await self._fetch(request, "revocation endpoint")
                flow.revoked(entry, self._provider, answer, self._surroundings.clock())
        except Refusal as refusal:
            log.warning("a grant could not be revoked at %s: %s", self._provider.name, refusal.reason)

    async def _fetch(self, request: Request, what: str) -> Response:
        return await client.fetched(self._surroundings, request, self._provider.name, what)

    def _proof(self, entry: Entry) -> str | None:
        return client.assertion(self._provider, entry.issuer or entry.token_url, self._surroundings)
