"""Attacks with a good signature: out of its time, or of another kind than is due."""

import json
from collections.abc import Mapping
from typing import Any

from tests.identity.attacks.mint import MISSING, NOW, Mint
from tests.identity.attacks.row import by_value, each, rows

_NO_TIMES: Mapping[str, Any] = {
    "a text": "1795515300",
    "an ISO date": "2026-11-24T10:00:00Z",
    "true": True,
    "a list": [NOW + 300],
    "an object": {"$date": 1},
    "below zero": -1,
    "in milliseconds": (NOW + 300) * 1000,
    "a number of 400 digits": 10**400,
}


def _raw_claims(mint: Mint, exp: str) -> bytes:
    return json.dumps(mint.claims(exp="EXP")).replace('"EXP"', exp).encode()


TIME = [
    *by_value("time", "token_malformed", "exp", _NO_TIMES),
    *by_value("time", "token_malformed", "nbf", _NO_TIMES),
    *by_value("time", "token_malformed", "iat", _NO_TIMES),
    *by_value("time", "claim_missing", "exp", {"missing": MISSING, "null": None}),
    *by_value(
        "time",
        "token_expired",
        "exp",
        {
            "zero": 0,
            "long past": NOW - 86400,
            "past": NOW - 31,
            "past with the leeway": NOW - 30,
            "a fraction past": NOW - 30.001,
        },
    ),
    *by_value(
        "time", "token_not_yet_valid", "nbf", {"ahead": NOW + 31, "far ahead": NOW + 1e6, "a fraction": NOW + 30.5}
    ),
    *by_value("time", "token_not_yet_valid", "iat", {"ahead": NOW + 31, "far ahead": NOW + 1e6}),
    *rows(
        "time",
        "token_malformed",
        {
            "exp is not a number": lambda m: m.claiming(_raw_claims(m, "NaN")),
            "exp is endless": lambda m: m.claiming(_raw_claims(m, "Infinity")),
            "exp overflows": lambda m: m.claiming(_raw_claims(m, "1e999")),
            "exp has 5000 digits": lambda m: m.claiming(_raw_claims(m, "9" * 5000)),
        },
    ),
    *by_value("time", "", "exp", {"ahead": NOW + 1, "within the leeway": NOW - 29, "a fraction": NOW + 0.5}),
    *by_value("time", "", "nbf", {"missing": MISSING, "null": None, "past": NOW - 9, "within the leeway": NOW + 30}),
    *by_value("time", "", "iat", {"missing": MISSING, "within the leeway": NOW + 30}),
]

_OTHER_TYPES = (
    "logout+jwt", "application/logout+jwt", "dpop+jwt", "secevent+jwt", "application/secevent+jwt", "txntoken+jwt",
    "txn_token+jwt", "oauth-id-jag+jwt", "token-introspection+jwt", "oauth-authz-req+jwt", "client-authentication+jwt",
    "kb+jwt", "dc+sd-jwt", "JOSE", "JOSE+JSON", "JWE", "principal+jwt", "agent-call+jwt", "entity-statement+jwt",
    "application/okta-internal-at+jwt", "", "JWT ", "jwt at+jwt", "text/jwt", "application/application/jwt",
    "jwt; charset=utf-8",
)  # fmt: skip
KIND = [
    *each("kind", "token_kind_invalid", "typ {}", _OTHER_TYPES, lambda m, typ: m.token({"typ": typ})),
    *each(
        "kind",
        "token_kind_invalid",
        "an ID token by {}",
        ("nonce", "at_hash", "c_hash"),
        lambda m, mark: m.claim(mark, "x"),
    ),
    *rows(
        "kind",
        "token_kind_invalid",
        {
            "an ID token whose nonce is null": lambda m: m.token(nonce=None),
            "an ID token called an access token": lambda m: m.token({"typ": "at+jwt"}, nonce="x"),
        },
    ),
    *each(
        "kind",
        "token_kind_invalid",
        "Keycloak's {}",
        ("ID", "Refresh", "Offline", "Logout", "Serialized-ID", "verify-email", "InitialAccessToken", ""),
        lambda m, typ: m.token(typ=typ),
    ),
    *rows(
        "kind",
        "token_kind_invalid",
        {
            "a logout token without its typ": lambda m: m.token(
                events={"http://schemas.openid.net/event/backchannel-logout": {}}
            ),
            "bound to a DPoP key": lambda m: m.token(cnf={"jkt": "0ZcOCORZNYy"}),
            "bound to a certificate": lambda m: m.token(cnf={"x5t#S256": "bwcK0esc3ACC"}),
            "bound to nothing that is said": lambda m: m.token(cnf=None),
        },
    ),
    *rows(
        "kind",
        "token_kind_invalid",
        {
            "Cognito's ID token": lambda m: m.cognito(token_use="id", aud="client", client_id=MISSING),
            "Cognito without token_use": lambda m: m.cognito(token_use=MISSING),
            "Cognito with another token_use": lambda m: m.cognito(token_use="refresh"),
            "Cognito with a list": lambda m: m.cognito(token_use=["access"]),
        },
        "cognito",
    ),
    *rows(
        "kind",
        "token_kind_invalid",
        {
            "Cognito's access token where an ID token is due": lambda m: m.cognito(),
        },
        "cognito-ids",
    ),
    *rows(
        "kind",
        "token_kind_invalid",
        {
            "Okta's ID token": lambda m: m.okta(cid=MISSING, nonce="x"),
            "Okta without cid": lambda m: m.okta(cid=MISSING),
            "Okta, cid is a list": lambda m: m.okta(cid=["app"]),
            "Okta, cid and a nonce": lambda m: m.okta(nonce="x"),
            "Okta, neither user nor service": lambda m: m.okta(uid=MISSING),
        },
        "okta",
    ),
    *rows(
        "kind",
        "token_kind_invalid",
        {
            "Graph's, by its header": lambda m: m.entra({"nonce": "x"}),
            "Entra's ID token": lambda m: m.entra(scp=MISSING, azp=MISSING),
            "Entra's ID token with roles": lambda m: m.entra(scp=MISSING, azp=MISSING, roles=["r"]),
            "Entra's ID token with a nonce": lambda m: m.entra(scp=MISSING, nonce="x"),
            "Entra, scp and a nonce": lambda m: m.entra(nonce="x"),
            "Entra, no grant at all": lambda m: m.entra(scp=MISSING),
            "Entra, a device": lambda m: m.entra(idtyp="device"),
            "Entra, v1 claims from a v2 issuer": lambda m: m.entra(ver="1.0"),
        },
        "entra",
    ),
    *rows(
        "kind",
        "token_kind_invalid",
        {
            "an access token where an ID token is due (scope)": lambda m: m.token(scope="a"),
            "an access token where an ID token is due (typ)": lambda m: m.token({"typ": "at+jwt"}),
            "an access token where an ID token is due (Keycloak)": lambda m: m.token(typ="Bearer"),
        },
        "ids",
    ),
    *rows(
        "kind",
        "token_kind_invalid",
        {
            "a refresh token where any is due": lambda m: m.token(typ="Refresh"),
            "a logout token where any is due": lambda m: m.token({"typ": "logout+jwt"}),
        },
        "any",
    ),
    *each(
        "kind",
        "",
        "typ {}",
        (None, "JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt", "application/jwt"),
        lambda m, typ: m.token({"typ": typ}),
    ),
    *rows(
        "kind",
        "",
        {
            "Keycloak's Bearer": lambda m: m.token(typ="Bearer"),
        },
    ),
    *rows(
        "kind",
        "",
        {
            "typ is something else where require says so": lambda m: m.token(typ="person"),
        },
        "typed",
    ),
    *rows(
        "kind",
        "",
        {
            "an ID token where one is due": lambda m: m.token(nonce="x", at_hash="y"),
        },
        "ids",
    ),
    *rows(
        "kind",
        "",
        {
            "an ID token where any is due": lambda m: m.token(nonce="x"),
            "an access token where any is due": lambda m: m.token(scope="a"),
        },
        "any",
    ),
    *rows(
        "kind",
        "",
        {
            "Cognito's access token": lambda m: m.cognito(),
        },
        "cognito",
    ),
    *rows(
        "kind",
        "",
        {
            "Cognito's ID token where one is due": lambda m: m.cognito(token_use="id", aud="client", client_id=MISSING),
        },
        "cognito-ids",
    ),
    *rows(
        "kind",
        "",
        {
            "Okta's user": lambda m: m.okta(),
            "Okta's service": lambda m: m.okta(uid=MISSING, sub="app"),
        },
        "okta",
    ),
    *rows(
        "kind",
        "",
        {
            "Entra's user": lambda m: m.entra(),
            "Entra's application": lambda m: m.entra(scp=MISSING, roles=["r"]),
        },
        "entra",
    ),
]
