"""A caller's token becomes a principal, or is refused (RFC 7519, 8725, 9068).

Three steps, so that no step trusts what the next one proves: ``unverified`` takes the token apart, ``select`` finds the
one issuer whose name it bears, and ``verify`` proves with that issuer's key who made it, then asks what it is, whether
it is good now, whether it is meant for us, and whom it is about.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sidecar.errors import (
    AudienceInvalid,
    ClaimMissing,
    IssuerUnknown,
    Refusal,
    SignatureInvalid,
    TokenExpired,
    TokenKindInvalid,
    TokenMalformed,
    TokenNotYetValid,
    TooLarge,
)
from sidecar.identity import call, jws, marks
from sidecar.identity import claims as read
from sidecar.identity.idps import IDPS
from sidecar.identity.issuer import SIDECAR, Issuer, TokenUse
from sidecar.identity.key import Key
from sidecar.identity.principal import Kind, Principal
from sidecar.wire.strict import json_object

MOST_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Unverified:
    """A JWT taken apart. Nothing in it has been proved: it is good for choosing an issuer and a key, and for nothing
    else."""

    signed: jws.Jws
    claims: Mapping[str, Any] = field(repr=False)

    @property
    def header(self) -> Mapping[str, Any]:
        return self.signed.header


def unverified(token: bytes, most: int = MOST_BYTES) -> Unverified:
    """Raise ``TooLarge`` for more than *most* bytes, ``TokenMalformed`` for what is not a JWT that can be read in just
    one way."""
    if len(token) > most:
        raise TooLarge(f"the token has more than {most} bytes")
    signed = jws.read(token)
    try:
        claims = json_object(signed.payload)
        if rb"\u" in signed.payload:
            json.dumps(claims, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise TokenMalformed("the token's claims hold a lone surrogate") from None
    except ValueError as error:
        raise TokenMalformed(f"the token's claims cannot be read: {jws.fault(error)}") from None
    return Unverified(signed, claims)


def select(token: Unverified, issuers: Mapping[str, Issuer]) -> Issuer:
    """The issuer whose ``iss`` the token bears, letter by letter; *issuers* is ``issuer.by_url``'s map. Raise
    ``IssuerUnknown``.

    Raise ``SignatureInvalid`` and ``TokenKindInvalid`` for what no key of that issuer could mend, so that no key is
    looked up for it.
    """
    iss = token.claims.get("iss")
    issuer = issuers.get(iss) if isinstance(iss, str) else None
    if issuer is None or not isinstance(iss, str):
        raise IssuerUnknown("the token's iss is not that of a configured issuer")
    if iss in issuer.refused:
        raise IssuerUnknown(f"tokens of this issuer cannot be validated here ({issuer.name})", mend=issuer.refused[iss])
    for member, mend in IDPS[issuer.type].foreign_headers.items():
        if member in token.header:
            raise TokenKindInvalid(f"its header has {member}: it is meant for the provider's own API", mend=mend)
    jws.algorithm(token.header, issuer.algorithms)
    return issuer


def expires(token: Unverified) -> float:
    """``exp`` in epoch seconds. Raise ``ClaimMissing`` where there is none."""
    exp = read.instant(token.claims, "exp")
    if exp is None:
        raise ClaimMissing("the claim exp is missing")
    return exp


def verify(token: Unverified, issuer: Issuer, key: Key, now: float) -> Principal:
    """Raise a refusal unless *issuer* signed *token* for us with *key* and it is good at *now* (epoch seconds)."""
    iss = token.claims.get("iss")
    if iss not in issuer.urls:
        raise IssuerUnknown("the token's iss is not its issuer's")
    jws.check(token.signed, key, issuer.algorithms)
    if issuer.type == SIDECAR:
        _timely(token, issuer.leeway.total_seconds(), now)
        return call.principal(token.header, token.claims, issuer)
    use = _use(token, issuer)
    _confined(key, issuer, token.claims)
    _timely(token, issuer.leeway.total_seconds(), now)
    client = _client(token.claims, issuer, use)
    _audience(token.claims, issuer, client)
    _required(token.claims, issuer)
    return _principal(token.claims, issuer, use, client)


def supposed(token: Unverified, issuer: Issuer) -> Principal:
    """Whom *token* would be about if it were proved: for explaining beforehand, never for letting anybody in. What
    ``objections`` finds is let pass; raise a refusal for claims that are nobody's."""
    if issuer.type == SIDECAR:
        return call.principal(token.header, token.claims, issuer)
    use = _supposed_use(token, issuer)
    return _principal(token.claims, issuer, use, _client(token.claims, issuer, use))


def objections(token: Unverified, issuer: Issuer, now: float) -> Iterator[Refusal]:
    """Why ``verify`` wouldn't take it at *now* (epoch seconds), its signature aside."""
    claims = token.claims
    checks: list[Callable[[], object]] = [lambda: _timely(token, issuer.leeway.total_seconds(), now)]
    if issuer.type != SIDECAR:  # what ``call.principal`` finds is raised by ``supposed`` already
        checks += [
            lambda: _use(token, issuer),
            lambda: _tenant(issuer, claims),
            lambda: _audience(claims, issuer, _client(claims, issuer, _supposed_use(token, issuer))),
            lambda: _required(claims, issuer),
        ]
    for check in checks:
        try:
            check()
        except Refusal as refusal:
            yield refusal


def _confined(key: Key, issuer: Issuer, claims: Mapping[str, Any]) -> None:
    """Entra: keys that every tenant shares may be confined to one of them."""
    tenant = _tenant(issuer, claims)
    iss: str = claims["iss"]
    if (
        tenant is not None
        and key.issuer is not None
        and key.issuer.replace("{tenantid}", tenant) not in (iss, issuer.canonical_url(iss))
    ):
        raise SignatureInvalid("the key is confined to another issuer")


def _tenant(issuer: Issuer, claims: Mapping[str, Any]) -> str | None:
    """Entra: the tenant stands in ``iss`` and in ``tid``."""
    if not issuer.tenants:
        return None
    tenant = issuer.tenants[claims["iss"]]
    if claims.get("tid") != tenant:
        raise ClaimMissing("the claim tid is not the tenant that iss names")
    return tenant


def _required(claims: Mapping[str, Any], issuer: Issuer) -> None:
    for path, values in issuer.require.items():
        if not read.holds(claims, path, values):
            raise ClaimMissing(f"the claim {path} has none of the values that the issuer's require names")


def _supposed_use(token: Unverified, issuer: Issuer) -> TokenUse:
    """What it is used as; what can't be told by its marks is what the issuer's ``token_use`` lets in."""
    try:
        return _use(token, issuer)
    except TokenKindInvalid:
        return TokenUse.ID if issuer.token_use is TokenUse.ID else TokenUse.ACCESS


def _use(token: Unverified, issuer: Issuer) -> TokenUse:
    """What the token is used as. Raise ``TokenKindInvalid`` unless it is of a kind that the issuer's ``token_use`` lets
    in."""
    marks.foreign(token.claims)
    # An issuer that means something else by the claim typ: what require names is believed.
    claims = {name: value for name, value in token.claims.items() if name != "typ" or "typ" not in issuer.require}
    uses = marks.by_header(token.header) & IDPS[issuer.type].uses(claims)
    due = marks.EITHER if issuer.token_use is TokenUse.ANY else frozenset({issuer.token_use})
    if not uses & due:
        found = (
            "an ID token"
            if uses == marks.ID
            else "an access token"
            if uses == marks.ACCESS
            else "a token of another kind"
        )
        raise TokenKindInvalid(f"it has the marks of {found}; token_use is {issuer.token_use}")
    return TokenUse.ACCESS if TokenUse.ACCESS in uses & due else TokenUse.ID


def _timely(token: Unverified, leeway: float, now: float) -> None:
    if now >= expires(token) + leeway:
        raise TokenExpired("exp has passed")
    for name in ("nbf", "iat"):
        instant = read.instant(token.claims, name)
        if instant is not None and instant > now + leeway:
            raise TokenNotYetValid(f"{name} is ahead")


def _client(claims: Mapping[str, Any], issuer: Issuer, use: TokenUse) -> str | None:
    """The client that the token was issued to. Raise ``AudienceInvalid`` where two claims name two."""
    if use is TokenUse.ID:  # OpenID Connect Core, section 2: azp, or else the one audience
        audience = claims.get("aud")
        only = audience[0] if isinstance(audience, list) and len(audience) == 1 else audience
        return read.identifier(claims, "azp") or (
            read.identifier({"aud": only}, "aud") if isinstance(only, str) else None
        )
    named = {client for path in issuer.claims.client if (client := read.identifier(claims, path)) is not None}
    if len(named) > 1:
        raise AudienceInvalid("its claims name more than one client")
    return named.pop() if named else None


def _audience(claims: Mapping[str, Any], issuer: Issuer, client: str | None) -> None:
    """Each audience is compared whole: ``"ours theirs"`` is one, and not ours."""
    audience = claims.get("aud")
    members = audience if isinstance(audience, list) else [] if audience is None else [audience]
    if not all(isinstance(member, str) for member in members):
        raise AudienceInvalid("aud is neither a text nor a list of texts")
    if not (issuer.audiences or issuer.clients):
        raise AudienceInvalid("the issuer is configured with neither audience nor clients")
    if issuer.audiences and not issuer.audiences & set(members):
        raise AudienceInvalid("aud holds none of the issuer's audiences")
    if issuer.clients and client not in issuer.clients:
        raise AudienceInvalid("the token's client is none of the issuer's clients")


def _principal(claims: Mapping[str, Any], issuer: Issuer, use: TokenUse, client: str | None) -> Principal:
    names, idp = issuer.claims, IDPS[issuer.type]
    told = idp.kind(claims, client) if use is TokenUse.ACCESS else Kind.USER
    of_user = idp.user_subject if use is TokenUse.ACCESS and told is Kind.USER else None
    verified = read.find(claims, names.email_verified) in (True, "true", "1")
    return Principal(
        issuer_url=issuer.canonical_url(claims["iss"]),
        tenant=(read.identifier(claims, names.tenant) if names.tenant else None) or "",
        subject=read.needed(claims, of_user or names.subject),
        issuer=issuer.name,
        kind=issuer.kind or told,
        client=client,
        name=read.text(claims, names.name),
        email=read.text(claims, names.email) if verified else None,
        groups=read.groups(claims, names.groups),
        roles=read.names(claims, names.roles),
        scopes=read.names(claims, names.scopes, separator=" "),
        claims=claims,
    )
