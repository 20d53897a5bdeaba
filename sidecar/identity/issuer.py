"""An identity provider as it is configured: the data by which one validator tells good tokens from bad."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum

from sidecar.identity.principal import Kind
from sidecar.secret import Secret

ASYMMETRIC = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
"""Every algorithm that may be allowed: never ``none``, never HS*."""


SIDECAR = "sidecar"
"""The type of an issuer that is another agent's sidecar: it speaks for principals of other issuers."""


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
    """Where an issuer's tokens keep what a principal is made of.

    Each entry is a path: a claim's own name, which may hold any character (``https://acme.example/roles``), or, where
    no claim has that name, steps into nested objects split at ``/`` (``realm_access/roles``). Of several paths,
    ``client`` holds what every one of them says, and lists are the union.
    """

    subject: str = "sub"
    tenant: str | None = None
    client: tuple[str, ...] = ("azp", "client_id")
    name: str | None = "name"
    email: str | None = "email"
    email_verified: str = "email_verified"
    """The claim by which the issuer says that it has verified the email."""
    groups: tuple[str, ...] = ("groups",)
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ("scope", "scp")


@dataclass(frozen=True, slots=True)
class Issuer:
    """One configured issuer, all defaults filled in. ``identity.idps`` makes it from its type's own keys."""

    name: str
    type: str
    urls: tuple[str, ...]
    """Every ``iss`` that is accepted, compared exactly."""
    canonical: Mapping[str, str] = field(default_factory=dict)
    """``iss`` → the URL that the principal's key holds, for those that have another than ``urls[0]``."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """An ``iss`` of the same provider whose tokens nobody but the provider can validate → what to do instead."""
    tenants: Mapping[str, str] = field(default_factory=dict)
    """Entra: ``iss`` → the tenant id that the token's ``tid`` has to name."""
    audiences: frozenset[str] = frozenset()
    """``aud`` has to hold one of them, where there are any."""
    clients: frozenset[str] = frozenset()
    """The token's client has to be one of them, where there are any."""
    algorithms: frozenset[str] = frozenset({"RS256", "PS256", "ES256", "EdDSA"})
    leeway: timedelta = timedelta(seconds=30)
    require: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Claim (a path as in ``Claims``) → the values of which it has to have one."""
    kind: Kind | None = None
    """The kind of all its principals; ``None``: told by the type's own marks."""
    token_use: TokenUse = TokenUse.ACCESS
    claims: Claims = Claims()
    jwks_url: str | None = None
    """Instead of discovery."""
    discovery_url: str | None = None
    """Where ``jwks_uri`` is read from when ``jwks_url`` is not given; ``idps`` fills it in."""
    metadata_issuer: str | None = None
    """What the discovery document calls itself where that is none of ``urls`` (Entra's template for every tenant)."""
    login: Login | None = None
    groups: str = "token"
    """Who says which groups a user is in where a token says only that there are some: ``graph``, or nobody."""
    trusted_for: tuple[str, ...] = ()
    """Of a sidecar: the configured names of the issuers that it may speak for."""
    speaks_for: Mapping[str, str] = field(default_factory=dict)
    """Of a sidecar: the canonical URLs of those issuers → their configured names. ``introduced`` fills it in, and with
    it ``tenants`` (by canonical URL) and ``audiences``."""

    def canonical_url(self, iss: str) -> str:
        return self.canonical.get(iss, self.urls[0])


def by_url(issuers: Iterable[Issuer]) -> dict[str, Issuer]:
    """Every ``iss`` that belongs to a configured issuer, for ``token.select``. Raise ``ValueError`` where two issuers
    accept the same one."""
    found: dict[str, Issuer] = {}
    for issuer in (known := tuple(issuers)):
        for url in issuer.urls:
            if found.setdefault(url, issuer) is not issuer:
                raise ValueError(f"{issuer.name} and {found[url].name} accept the same iss, {url}")
    for issuer in known:
        for url in issuer.refused:
            found.setdefault(url, issuer)
    return found


def introduced(issuers: Mapping[str, Issuer], agent: str) -> dict[str, Issuer]:
    """*issuers*, the sidecars among them told whom they may speak for, and that they speak to *agent*."""

    def introduce(issuer: Issuer) -> Issuer:
        if issuer.type != SIDECAR:
            return issuer
        others = [issuers[name] for name in issuer.trusted_for if name in issuers]
        known = [(other, url) for other in others if other.type != SIDECAR for url in other.urls]
        return replace(
            issuer,
            audiences=frozenset({agent}),
            speaks_for={other.canonical_url(url): other.name for other, url in known},
            tenants={other.canonical_url(url): other.tenants[url] for other, url in known if url in other.tenants},
        )

    return {name: introduce(issuer) for name, issuer in issuers.items()}
