"""Our client at an authorization server: how it proves itself by a key, and how it calls."""

from sidecar.errors import ProviderUnreachable
from sidecar.oauth import messages
from sidecar.oauth.kept import late
from sidecar.oauth.provider import Provider
from sidecar.oauth.surroundings import Surroundings
from sidecar.wire.http import Late, Request, Response, Unreachable
from sidecar.wire.strict import base64url_encode


def assertion(provider: Provider, audience: str, surroundings: Surroundings) -> str | None:
    """With ``private_key_jwt`` the client's proof: signed by the sidecar's own key, which it publishes."""
    if provider.client_auth != "private_key_jwt":
        return None
    jti = base64url_encode(surroundings.random(16)).decode()
    claims = messages.client_assertion(provider.client_id or "", audience, jti, surroundings.clock())
    return surroundings.signer().sign("JWT", claims)


async def fetched(surroundings: Surroundings, request: Request, provider: str, what: str) -> Response:
    """The answer of *provider*'s *what*. Raise ``ProviderUnreachable`` or ``ProviderTimeout``."""
    try:
        return await surroundings.fetch(request)
    except Late as error:
        raise late(provider) from error
    except Unreachable as error:
        mend = f"Check that the sidecar reaches the {what} of the provider {provider}: {error}."
        raise ProviderUnreachable(f"{provider}: the {what}: {error}", mend=mend, retry_after=1) from error
