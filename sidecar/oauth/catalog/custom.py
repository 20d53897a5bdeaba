"""Any other OAuth provider: what its metadata says of it, and what is configured by hand, which counts more. Pure."""

from collections.abc import Mapping

from sidecar.errors import ProviderRefused
from sidecar.oauth.catalog.entry import Entry, Revocation, Whose
from sidecar.oauth.metadata import Endpoint
from sidecar.oauth.provider import Provider

_OFFLINE, _OPENID = "offline_access", "openid"


def custom(provider: Provider, discovered: Endpoint | None) -> Entry:
    """*discovered* is needed where the configuration doesn't name the endpoints itself. Raise ``ProviderRefused``
    where there is nowhere to send users to."""
    server = discovered or Endpoint(provider.token_url or "", "")
    authorize_url = provider.authorize_url or server.authorize_url
    token_url = provider.token_url or server.url
    if not authorize_url or not token_url:
        mend = f"Set providers.{provider.name}.authorize_url: the issuer's metadata has none that can be used."
        raise ProviderRefused(f"{provider.name}: there is no authorization endpoint that can be used", mend=mend)
    revoke_url = provider.revoke_url or server.revoke_url
    always = server.scopes & {_OPENID, "email", _OFFLINE} if _OPENID in server.scopes else server.scopes & {_OFFLINE}
    resource = {} if provider.resource is None else {"resource": provider.resource}
    return Entry(
        type=provider.type,
        issuer=None if discovered is None else discovered.audience,
        says_iss=server.says_iss,
        authorize_url=authorize_url,
        token_url=token_url,
        revocation=None if revoke_url is None else Revocation(revoke_url),
        always=always,
        parameters={**_parameters(provider, always), **resource},
        token_parameters=resource,
        hint="login_hint" if _OPENID in always else "",
        client_auth=provider.client_auth,
        whose=Whose("id_token", "sub", "email|preferred_username|name") if _OPENID in always else None,
    )


def _parameters(provider: Provider, always: frozenset[str]) -> Mapping[str, str]:
    said = {} if provider.audience is None else {"audience": provider.audience}
    # There is no offline access without it (OpenID Connect Core, section 11).
    return {**said, "prompt": "consent"} if {_OPENID, _OFFLINE} <= always else said
