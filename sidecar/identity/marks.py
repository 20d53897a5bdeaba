"""By which marks each issuer's tokens show what they are (RFC 8725, section 3.12) and what their subject is."""

from collections.abc import Callable, Mapping
from typing import Any

from sidecar.errors import TokenKindInvalid
from sidecar.identity.issuer import TokenUse
from sidecar.identity.principal import Kind

Header = Mapping[str, Any]
Claims = Mapping[str, Any]
Uses = Callable[[Claims], frozenset[TokenUse]]
"""What a token may be by its claims: access token, ID token, either (unmarked), or something else (empty)."""
Told = Callable[[Claims, str | None], Kind]
"""The kind of an access token's subject, by its claims and its client."""

ACCESS, ID = frozenset({TokenUse.ACCESS}), frozenset({TokenUse.ID})
EITHER = ACCESS | ID
NEITHER: frozenset[TokenUse] = frozenset()

ID_MARKS = frozenset({"nonce", "at_hash", "c_hash"})
"""OpenID Connect Core, sections 2 and 3.3.2.11: only ID tokens have them."""
BY_HEADER = {None: EITHER, "jwt": EITHER, "at+jwt": ACCESS}
"""``typ`` in small letters and without ``application/`` (RFC 7515, 4.1.9; RFC 9068, 2.1). Whatever is not here
(logout+jwt, dpop+jwt, secevent+jwt, txntoken+jwt, oauth-id-jag+jwt …) is a token of another kind."""
BY_CLAIM = {"bearer": ACCESS, "jwt": EITHER, "at+jwt": ACCESS, "access": ACCESS, "id": ID}
"""Keycloak's claim ``typ``: its refresh, offline, logout and action tokens are signed with the same keys."""


def by_header(header: Header) -> frozenset[TokenUse]:
    typ = header.get("typ")
    return BY_HEADER.get(typ if typ is None else typ.lower().removeprefix("application/"), NEITHER)


def foreign(claims: Claims) -> None:
    """Raise ``TokenKindInvalid`` for what is neither an access token nor an ID token, whoever issued it."""
    if "events" in claims:
        raise TokenKindInvalid("it is a security event or logout token (events, RFC 8417)")
    if "cnf" in claims:
        raise TokenKindInvalid(
            "it is bound to its sender's key (cnf: DPoP or mutual TLS), and came as a bearer token",
            mend="Send an access token that is not bound to a key: such bindings cannot be checked here.",
        )


def cognito(claims: Claims) -> frozenset[TokenUse]:
    return {"access": ACCESS, "id": ID}.get(str(claims.get("token_use")), NEITHER)


def okta(claims: Claims) -> frozenset[TokenUse]:
    uses = ACCESS if isinstance(claims.get("cid"), str) else ID
    return uses & ID if ID_MARKS & claims.keys() else uses


def entra(claims: Claims) -> frozenset[TokenUse]:
    """ID tokens may hold ``roles`` as well, but only access tokens name the client that asked (``azp``, in v1
    ``appid``)."""
    version = "2.0" if str(claims.get("iss")).endswith("/v2.0") else "1.0"
    if claims.get("ver", version) != version or claims.get("idtyp", "user") not in ("user", "app"):
        return NEITHER
    asked = "azp" in claims or "appid" in claims
    access = "scp" in claims or "idtyp" in claims or ("roles" in claims and asked)
    if ID_MARKS & claims.keys():
        return NEITHER if access else ID
    return ACCESS if access else ID


def generic(claims: Claims) -> frozenset[TokenUse]:
    uses = ID if ID_MARKS & claims.keys() else EITHER
    if "scope" in claims or "scp" in claims:
        uses &= ACCESS
    if isinstance(typ := claims.get("typ"), str):
        uses &= BY_CLAIM.get(typ.lower(), NEITHER)
    return uses


def cognito_kind(claims: Claims, client: str | None) -> Kind:
    return Kind.SERVICE if claims.get("sub") == client and "username" not in claims else Kind.USER


def okta_kind(claims: Claims, client: str | None) -> Kind:
    if "uid" in claims:
        return Kind.USER
    if claims.get("sub") == client:
        return Kind.SERVICE
    raise TokenKindInvalid("it is neither a user's token (uid) nor a service's (sub equal to cid)")


def auth0_kind(claims: Claims, client: str | None) -> Kind:
    machine = claims.get("gty") == "client-credentials" or claims.get("sub") == f"{client}@clients"
    return Kind.SERVICE if machine else Kind.USER


def entra_kind(claims: Claims, _client: str | None) -> Kind:
    application = claims.get("idtyp", "app" if "scp" not in claims else "user") == "app"
    return Kind.SERVICE if application else Kind.USER


def generic_kind(claims: Claims, client: str | None) -> Kind:
    subject = claims.get("sub")
    services = (
        # RFC 9068, section 2.2: where no user takes part, the subject stands for the client.
        client is not None and subject == client,
        str(subject).startswith("system:serviceaccount:") and isinstance(claims.get("kubernetes.io"), dict),
        # Keycloak. Users can choose their name, but only a user's token has a session (sid).
        client is not None
        and str(claims.get("preferred_username")).lower() == f"service-account-{client}".lower()
        and "sid" not in claims,
    )
    return Kind.SERVICE if any(services) else Kind.USER
