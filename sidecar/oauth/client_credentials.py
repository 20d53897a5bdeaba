"""The agent's own tokens of an OAuth provider (RFC 6749, section 4.4), one for each set of scopes."""

from sidecar.errors import ProviderUnreachable
from sidecar.oauth import client, messages
from sidecar.oauth.credential import Ask, Credential
from sidecar.oauth.discovery import Discovery
from sidecar.oauth.kept import Held, Kept, held
from sidecar.oauth.metadata import Endpoint
from sidecar.oauth.provider import Provider
from sidecar.oauth.surroundings import Surroundings


class ClientCredentials:
    """A ``Source``."""

    fills = frozenset({b"authorization"})
    parameter = b""

    def __init__(self, provider: Provider, surroundings: Surroundings) -> None:
        self._provider, self._surroundings, self._clock = provider, surroundings, surroundings.clock
        self._tokens: Kept[frozenset[str], Credential] = Kept(
            provider.name, clock=surroundings.clock, tasks=surroundings.tasks, seconds=surroundings.seconds
        )
        self._discovery = Discovery(provider.name, "discovery", provider.discovery or "", surroundings)

    def ready(self, ask: Ask) -> Credential | None:
        return None if ask.force else self._tokens.ready(ask.scopes, lambda: self._get(ask))

    async def obtain(self, ask: Ask) -> Credential:
        return await self._tokens.obtain(ask.scopes, lambda: self._get(ask), force=ask.force)

    def close(self) -> None:
        self._tokens.close()

    async def _get(self, ask: Ask) -> Held[Credential]:
        """A new token."""
        provider, url = self._provider, self._provider.token_url
        endpoint = Endpoint(url, url) if url is not None else await self._discovery.endpoint()
        request = messages.token_request(
            provider,
            endpoint.url,
            ask.scopes,
            client.assertion(provider, endpoint.audience, self._surroundings),
            self._surroundings.seconds,
        )
        try:
            answer = await client.fetched(self._surroundings, request, provider.name, "token endpoint")
            now = self._clock()
            granted = messages.granted(answer, provider.name, now)
        except ProviderUnreachable:
            self._discovery.forget()
            raise
        line = f"Authorization: Bearer {granted.token.reveal()}\r\n".encode()
        scopes = ask.scopes if granted.scopes is None else granted.scopes
        expires = None if granted.lifetime is None else now + granted.lifetime
        self._surroundings.refreshed(provider, ask, scopes)
        credential = Credential(granted.token, lines=line, expires=expires, scopes=scopes)
        return held(credential, now, granted.lifetime)
