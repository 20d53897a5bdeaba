"""What a provider gives for the caller's own token: nobody has to agree, for the caller's issuer answers for it.

A token is one caller's: it is kept under the digest of the token that it was got for, and had by nobody who came with
another.
"""

from collections.abc import Callable

from sidecar.errors import NotPermitted, ProviderUnreachable
from sidecar.invocation.proof import Proof
from sidecar.oauth import client, exchange, messages
from sidecar.oauth.credential import Ask, Credential
from sidecar.oauth.discovery import Discovery
from sidecar.oauth.kept import Held, Kept, held
from sidecar.oauth.messages import Granted
from sidecar.oauth.metadata import Endpoint
from sidecar.oauth.provider import Provider, at_resource
from sidecar.oauth.surroundings import Surroundings
from sidecar.secret import Secret
from sidecar.wire.http import Response
from sidecar.wire.strict import base64url_encode

MOST_KEPT = 4096
ENTRA = "https://login.microsoftonline.com/{}/oauth2/v2.0/token"

_Key = tuple[str, bytes, frozenset[str]]
"""The principal's id, the digest of the very token, and what is asked for."""


class Exchanged:
    """A ``Source``."""

    fills = frozenset({b"authorization"})
    parameter = b""

    def __init__(self, provider: Provider, surroundings: Surroundings) -> None:
        self._provider, self._surroundings, self._clock = provider, surroundings, surroundings.clock
        self._tokens: Kept[_Key, Credential] = Kept(
            provider.name,
            clock=surroundings.clock,
            tasks=surroundings.tasks,
            seconds=surroundings.seconds,
            most=MOST_KEPT,
        )
        self._server = Discovery(provider.name, "discovery", provider.discovery or "", surroundings)
        self._resources = Discovery(provider.name, "audience", provider.audience or "", surroundings)

    def ready(self, ask: Ask) -> Credential | None:
        proof = self._proof(ask)
        return None if ask.force else self._tokens.ready(_key(ask, proof), lambda: self._get(ask, proof))

    async def obtain(self, ask: Ask) -> Credential:
        proof = self._proof(ask)
        key = _key(ask, proof)
        return await self._tokens.obtain(key, lambda: self._get(ask, proof), force=ask.force, by=key[0])

    def forget(self, meant: Callable[[str], bool]) -> int:
        return self._tokens.drop(lambda key: meant(key[0]))

    def close(self) -> None:
        self._tokens.close()

    def _proof(self, ask: Ask) -> Proof:
        """Raise ``NotPermitted``."""
        name, principal = self._provider.name, ask.principal
        if principal is None:
            mend = "Send the invocation's handle: it is the caller's token that is exchanged."
            raise NotPermitted(f"{name}: no caller is behind the call", mend=mend)
        if principal.via is not None:
            mend = "Call what needs that provider from the first agent: only there is the caller's own token."
            raise NotPermitted(f"{name}: the caller came through another sidecar, without their own token", mend=mend)
        proof = self._surroundings.proof(ask.invocation, principal)
        if proof is None:
            mend = "Have the agent called again: this invocation began before tokens were exchanged here."
            raise NotPermitted(f"{name}: nothing was kept of the caller's token", mend=mend)
        return proof

    async def _get(self, ask: Ask, proof: Proof) -> Held[Credential]:
        """A new token."""
        subject, name = proof.reveal(), self._provider.name
        if subject is None:
            mend = "Send the request again: the call that had begun to ask for it has ended."
            raise ProviderUnreachable(f"{name}: the invocation ended", mend=mend, retry_after=1)
        try:
            granted = await self._exchange(ask, subject)
        except ProviderUnreachable:
            self._server.forget()
            self._resources.forget()
            raise
        now = self._clock()
        scopes = ask.scopes if granted.scopes is None else granted.scopes
        expires = None if granted.lifetime is None else now + granted.lifetime
        self._surroundings.refreshed(self._provider, ask, scopes)
        line = f"Authorization: Bearer {granted.token.reveal()}\r\n".encode()
        return held(Credential(granted.token, lines=line, expires=expires, scopes=scopes), now, granted.lifetime)

    async def _exchange(self, ask: Ask, subject: Secret) -> Granted:
        provider = self._provider
        endpoint = await self._endpoint()
        form = exchange.form(provider, subject, ask.scopes, self._actor(endpoint.audience))
        answer = await self._post(provider, endpoint, form)
        if provider.standard != exchange.ID_JAG:
            return exchange.granted(answer, provider.name, self._clock(), form["grant_type"])
        assertion = exchange.asserted(answer, provider.name, self._clock())
        url = provider.resource_token_url
        there = Endpoint(url, url) if url is not None else await self._resources.endpoint()
        answer = await self._post(at_resource(provider), there, exchange.redeemed(assertion))
        return exchange.granted(answer, provider.name, self._clock(), exchange.BEARER)

    async def _endpoint(self) -> Endpoint:
        provider = self._provider
        url = provider.token_url
        if url is None and provider.standard == "entra_obo":
            url = ENTRA.format(provider.tenant)
        return Endpoint(url, url) if url is not None else await self._server.endpoint()

    async def _post(self, provider: Provider, endpoint: Endpoint, form: dict[str, str]) -> Response:
        proof = client.assertion(provider, endpoint.audience, self._surroundings)
        request = messages.proved(provider, endpoint.url, form, proof, self._surroundings.seconds)
        return await client.fetched(self._surroundings, request, provider.name, "token endpoint")

    def _actor(self, audience: str) -> str | None:
        """The agent's own token; ``None``: it is known as the client alone, since nobody could find the key that
        would prove more."""
        surroundings, exchanges = self._surroundings, exchange.grant_type(self._provider) == exchange.EXCHANGE
        if not exchanges or surroundings.public_url is None or self._provider.actor == "client":
            return None
        jti = base64url_encode(surroundings.random(16)).decode()
        claims = exchange.actor(surroundings.agent, surroundings.public_url, audience, jti, self._clock())
        return surroundings.signer().sign("JWT", claims)


def _key(ask: Ask, proof: Proof) -> _Key:
    return proof.principal.id, proof.digest, ask.scopes
