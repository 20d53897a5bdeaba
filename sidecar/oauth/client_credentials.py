"""The agent's own tokens of an OAuth provider (RFC 6749, section 4.4), one for each set of scopes."""

from http import HTTPStatus

from sidecar.errors import ProviderRefused, ProviderUnreachable
from sidecar.oauth import messages
from sidecar.oauth.credential import Ask, Credential
from sidecar.oauth.kept import Held, Kept, held, late
from sidecar.oauth.messages import Endpoint
from sidecar.oauth.provider import Provider
from sidecar.oauth.surroundings import Surroundings
from sidecar.wire.http import Late, Request, Response, Unreachable
from sidecar.wire.strict import base64url_encode

DISCOVERED_SECONDS = 3600.0


class ClientCredentials:
    """A ``Source``."""

    fills = frozenset({b"authorization"})
    parameter = b""

    def __init__(self, provider: Provider, surroundings: Surroundings) -> None:
        self._provider, self._surroundings, self._clock = provider, surroundings, surroundings.clock
        self._tokens: Kept[frozenset[str], Credential] = Kept(
            provider.name, clock=surroundings.clock, tasks=surroundings.tasks, seconds=surroundings.seconds
        )
        self._discovered: Endpoint | None = None
        self._discovered_until = float("-inf")

    def ready(self, ask: Ask) -> Credential | None:
        return None if ask.force else self._tokens.ready(ask.scopes, lambda: self._get(ask))

    async def obtain(self, ask: Ask) -> Credential:
        return await self._tokens.obtain(ask.scopes, lambda: self._get(ask), force=ask.force)

    def close(self) -> None:
        self._tokens.close()

    async def _get(self, ask: Ask) -> Held[Credential]:
        """A new token."""
        provider, url = self._provider, self._provider.token_url
        endpoint = Endpoint(url, url) if url is not None else await self._discover()
        request = messages.token_request(
            provider, endpoint.url, ask.scopes, self._assertion(endpoint.audience), self._surroundings.seconds
        )
        try:
            answer = await self._fetch(request, "token endpoint")
            now = self._clock()
            granted = messages.granted(answer, provider.name, now)
        except ProviderUnreachable:
            self._discovered_until = float("-inf")  # it may have moved
            raise
        line = f"Authorization: Bearer {granted.token.reveal()}\r\n".encode()
        scopes = ask.scopes if granted.scopes is None else granted.scopes
        expires = None if granted.lifetime is None else now + granted.lifetime
        self._surroundings.refreshed(provider, ask, scopes)
        credential = Credential(granted.token, lines=line, expires=expires, scopes=scopes)
        return held(credential, now, granted.lifetime)

    def _assertion(self, audience: str) -> str | None:
        """With ``private_key_jwt`` the client's proof: signed by the sidecar's own key, which it publishes."""
        if self._provider.client_auth != "private_key_jwt":
            return None
        jti = base64url_encode(self._surroundings.random(16)).decode()
        claims = messages.client_assertion(self._provider.client_id or "", audience, jti, self._clock())
        return self._surroundings.signer().sign("JWT", claims)

    async def _discover(self) -> Endpoint:
        """The token endpoint, as the issuer's metadata names it."""
        if self._discovered is not None and self._clock() < self._discovered_until:
            return self._discovered
        name, issuer, status = self._provider.name, self._provider.discovery or "", 0
        for url in messages.metadata_urls(issuer):
            answer = await self._fetch(Request(url, most=messages.MOST_BYTES), "metadata")
            if (refusal := messages.overtaxed(answer, name, "metadata", self._clock())) is not None:
                raise refusal
            if answer.status == HTTPStatus.OK:
                self._discovered = messages.token_endpoint(answer.body, name, issuer)
                self._discovered_until = self._clock() + DISCOVERED_SECONDS
                return self._discovered
            status = answer.status
        mend = f"Check providers.{name}.discovery, or set token_url: there is no metadata of an OAuth server."
        raise ProviderRefused(f"{name}: the metadata was answered with status {status}", mend=mend)

    async def _fetch(self, request: Request, what: str) -> Response:
        name = self._provider.name
        try:
            return await self._surroundings.fetch(request)
        except Late as error:
            raise late(name) from error
        except Unreachable as error:
            mend = f"Check that the sidecar reaches the {what} of the provider {name}: {error}."
            raise ProviderUnreachable(f"{name}: the {what}: {error}", mend=mend, retry_after=1) from error
