"""An identity provider as it is configured: the data by which one validator tells good tokens from bad."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from sidecar.identity.principal import Kind
from sidecar.secret import Secret

ASYMMETRIC = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
"""Every algorithm that may be allowed: never ``none``, never HS*."""


class TokenUse(StrEnum):
    ACCESS = "access"
    ID = "id"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Login:
    """How users of this issuer sign in on the consent pages."""

    client_id: str
    client_secret: Secret | None = None
    scopes: tuple[str, ...] = ("openid",)


@dataclass(frozen=True, slots=True)
class Claims:
    """Where a generic issuer's tokens keep what a principal is made of. A path's steps are split at ``/``, a claim's own name may hold ``.`` and ``:``."""

    subject: str = "sub"
    tenant: str | None = None
    client: str | None = None
    name: str | None = "name"
    email: str | None = "email"
    groups: str | None = "groups"
    roles: str | None = None
    scopes: str | None = None


@dataclass(frozen=True, slots=True)
class Issuer:
    """One configured issuer, all defaults filled in. ``identity.idps`` makes it from its type's own keys."""

    name: str
    type: str
    urls: tuple[str, ...]
    """Every ``iss`` that is accepted, compared exactly; the first is canonical and the principal's key holds it."""
    audiences: frozenset[str] = frozenset()
    clients: frozenset[str] = frozenset()
    tenants: frozenset[str] = frozenset()
    """Entra: the tenant ids that are let in."""
    algorithms: frozenset[str] = frozenset({"RS256", "PS256", "ES256", "EdDSA"})
    leeway: timedelta = timedelta(seconds=30)
    require: Mapping[str, frozenset[str]] = field(default_factory=dict)
    kind: Kind | None = None
    token_use: TokenUse = TokenUse.ACCESS
    claims: Claims = Claims()
    jwks_url: str | None = None
    """Instead of discovery."""
    discovery_url: str | None = None
    """Where ``jwks_uri`` is read from when ``jwks_url`` is not given; ``idps`` fills it in."""
    login: Login | None = None
