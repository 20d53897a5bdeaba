"""What an authorization server says of itself, and where it says so: RFC 8414; OpenID Connect Discovery. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sidecar.errors import ProviderRefused
from sidecar.oauth import messages

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_WELL_KNOWN = "/.well-known/"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where tokens are asked for."""

    url: str
    audience: str
    """Whom a client's assertion is for: the issuer where it is known, as it should be (RFC 7523, section 3), else the
    endpoint."""
    authorize_url: str | None = None
    revoke_url: str | None = None
    scopes: frozenset[str] = frozenset()
    """Those that the metadata names; there may be others."""
    says_iss: bool = False
    """Whether every answer of the authorization endpoint names the issuer (RFC 9207, section 3)."""


def urls(issuer: str) -> tuple[str, ...]:
    """Where *issuer*'s metadata may be: RFC 8414, section 3.1, then OpenID Connect Discovery, section 4. A URL that
    names the document itself is taken for it."""
    if _WELL_KNOWN in issuer:
        return (issuer,)
    parts = urlsplit(issuer)
    path = parts.path.removesuffix("/")
    return (
        f"{parts.scheme}://{parts.netloc}{_WELL_KNOWN}oauth-authorization-server{path}",
        f"{issuer.removesuffix('/')}{_WELL_KNOWN}openid-configuration",
    )


def token_endpoint(body: bytes, provider: str, issuer: str) -> Endpoint:
    """Raise ``ProviderRefused`` unless the metadata is *issuer*'s own (RFC 8414, section 3.3) and names an endpoint
    that is as safe as it. Another endpoint that isn't counts as not there."""
    document = messages.members(body, provider, "metadata")
    named = document.get("issuer")
    if not isinstance(named, str) or named not in issuers(issuer):
        mend = f"Set providers.{provider}.discovery to the issuer's URL exactly as it calls itself, or set token_url."
        raise ProviderRefused(f"{provider}: the metadata is another issuer's", mend=mend)
    endpoint = _named(document, "token_endpoint", issuer)
    if endpoint is None:
        mend = f"Set providers.{provider}.token_url: the issuer's metadata has no token endpoint that can be used."
        raise ProviderRefused(f"{provider}: the metadata names no token endpoint, or an unsafe one", mend=mend)
    scopes = document.get("scopes_supported")
    return Endpoint(
        endpoint,
        named,
        _named(document, "authorization_endpoint", issuer),
        _named(document, "revocation_endpoint", issuer),
        frozenset(each for each in scopes if isinstance(each, str)) if isinstance(scopes, list) else frozenset(),
        document.get("authorization_response_iss_parameter_supported") is True,
    )


def _named(document: Mapping[str, Any], member: str, issuer: str) -> str | None:
    url = document.get(member)
    return url if isinstance(url, str) and _as_safe(url, issuer) else None


def issuers(issuer: str) -> tuple[str, ...]:
    """What the document at *issuer* may call itself."""
    before, well_known, behind = issuer.partition(_WELL_KNOWN)
    if not well_known:
        return (issuer,)
    path = behind.partition("/")[2]  # RFC 8414 puts the issuer's path behind the well-known part
    return (f"{before}/{path}",) if path else (before, f"{before}/")


def _as_safe(url: str, issuer: str) -> bool:
    """https; http only where the issuer itself is reached over http, and then only on loopback."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    if not url.isascii() or not url.isprintable() or " " in url or "#" in url:
        return False
    if parts.scheme == "http":
        return issuer.startswith("http:") and host in _LOOPBACK
    return parts.scheme == "https" and bool(host) and "@" not in parts.netloc
