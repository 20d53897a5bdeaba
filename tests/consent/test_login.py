"""Signing in at the principal's own issuer: what proves that a browser's user is the principal of a call."""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from sidecar.consent.login import (
    PROOFS,
    Endpoints,
    able,
    answered_by,
    as_client,
    authorize,
    challenge,
    endpoints,
    id_token,
    redeem,
    unproved,
    user,
)
from sidecar.errors import IssuerUnreachable, Refusal
from sidecar.identity import token as jwt
from sidecar.identity.idps import IDPS, Common, Own, issuer
from sidecar.identity.issuer import SIDECAR, Issuer, Login
from sidecar.secret import Secret
from sidecar.wire.http import Response
from tests.minting import signer

NOW = 1_795_516_435.0
TENANT = "7e0a0000-0000-4000-8000-00000000000a"
SIGNER = signer("RS256")
NONCE = Secret("the nonce of this sign-in")
LOGIN = Login("login-client", Secret("its secret"))
OWN: dict[str, Own] = {
    "cognito": {"region": "eu-central-1", "user_pool_id": "eu-central-1_A", "client_ids": ("app",)},
    "okta": {"domain": "acme.okta.com", "audience": ("api://travel",)},
    "auth0": {"domain": "acme.eu.auth0.com", "audience": ("https://travel.example/",)},
    "entra": {"tenant": (TENANT,), "audience": ("api://travel",)},
    "oidc": {"issuer": "https://issuer.example", "audience": ("travel",)},
}
# The same user, as a caller's access token names them, and as an ID token for the sign-in's client does.
ACCESS: dict[str, dict[str, Any]] = {
    "cognito": {"sub": "u-1", "token_use": "access", "client_id": "app", "username": "alice"},
    "okta": {"sub": "alice@acme.example", "uid": "u-1", "cid": "app", "aud": "api://travel", "scp": ["chat"]},
    "auth0": {"sub": "auth0|u-1", "aud": ["https://travel.example/"], "azp": "app", "scope": "chat"},
    "entra": {
        "tid": TENANT, "oid": "u-1", "sub": "pairwise-of-the-api", "aud": "api://travel", "azp": "app", "scp": "chat",
        "ver": "2.0",
    },
    "oidc": {"sub": "u-1", "aud": "travel", "azp": "app"},
}  # fmt: skip
ID: dict[str, dict[str, Any]] = {
    "cognito": {"sub": "u-1", "token_use": "id", "cognito:username": "alice"},
    "okta": {"sub": "u-1", "preferred_username": "alice@acme.example"},
    "auth0": {"sub": "auth0|u-1"},
    "entra": {"tid": TENANT, "oid": "u-1", "sub": "pairwise-of-the-login", "ver": "2.0"},
    "oidc": {"sub": "u-1"},
}


def of_type(name: str, **more: Any) -> Issuer:
    return issuer("idp", name, OWN[name], Common(login=LOGIN, **more))


def minted(whose: Issuer, claims: dict[str, Any]) -> jwt.Unverified:
    whole = {"iss": whose.urls[0], "iat": int(NOW), "exp": int(NOW) + 300, **claims}
    return jwt.unverified(SIGNER.mint({name: value for name, value in whole.items() if value is not None}))


def identity(whose: Issuer, **claims: Any) -> jwt.Unverified:
    return minted(whose, {"aud": "login-client", "nonce": NONCE.reveal(), **ID[whose.type], **claims})


@pytest.mark.parametrize("name", [*PROOFS])
def test_the_id_token_names_the_same_principal_as_the_access_token(name: str) -> None:
    whose = of_type(name)
    caller = jwt.verify(minted(whose, ACCESS[name]), whose, SIGNER.key(), NOW)
    signed_in = user(identity(whose), whose, SIGNER.key(), NONCE, NOW)
    assert signed_in.id == caller.id
    key = (signed_in.tenant, signed_in.subject)
    assert tuple(ID[name][claim] for claim in PROOFS[name].claims) == (key if key[0] else key[1:])


@pytest.mark.parametrize("name", [*PROOFS])
def test_another_user_is_another_principal(name: str) -> None:
    whose = of_type(name)
    claims = {claim: "u-2" for claim in PROOFS[name].claims if claim != "tid"}
    other = user(identity(whose, **claims), whose, SIGNER.key(), NONCE, NOW)
    assert other.id != jwt.verify(minted(whose, ACCESS[name]), whose, SIGNER.key(), NOW).id


@pytest.mark.parametrize("name", [*PROOFS])
def test_without_the_claim_nobody_is_proved(name: str) -> None:
    whose = of_type(name)
    with pytest.raises(Refusal):
        user(identity(whose, **dict.fromkeys(PROOFS[name].claims)), whose, SIGNER.key(), NONCE, NOW)


@pytest.mark.parametrize("name", [*PROOFS])
@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"nonce": 7},
        {"aud": "app"},
        {"aud": ["login-client", "app"]},
        {"aud": ["login-client", "app"], "azp": "app"},
        {"exp": int(NOW) - 31},
        {"iat": int(NOW) + 60},
        {"iss": "https://other.example"},
        {"events": {}},
    ],
)
def test_an_id_token_that_is_not_of_this_sign_in_proves_nobody(name: str, claims: dict[str, Any]) -> None:
    whose = of_type(name)
    with pytest.raises(Refusal):
        user(identity(whose, **claims), whose, SIGNER.key(), NONCE, NOW)


@pytest.mark.parametrize("name", [*PROOFS])
def test_an_access_token_is_no_id_token(name: str) -> None:
    whose = of_type(name)
    access = minted(
        whose, {**ACCESS[name], "nonce": NONCE.reveal(), "aud": "login-client", "client_id": "login-client"}
    )
    if name in ("okta", "entra", "cognito", "auth0"):
        with pytest.raises(Refusal):
            user(access, whose, SIGNER.key(), NONCE, NOW)


def test_another_key_proves_nobody() -> None:
    whose = of_type("oidc")
    with pytest.raises(Refusal):
        user(identity(whose), whose, signer("ES256").key(), NONCE, NOW)


def test_what_access_tokens_must_say_id_tokens_need_not() -> None:
    whose = of_type("oidc", require={"amr": frozenset({"mfa"})})
    assert user(identity(whose), whose, SIGNER.key(), NONCE, NOW).subject == "u-1"
    assert as_client(whose).audiences == {"login-client"}


def test_the_subject_may_be_mapped() -> None:
    whose = issuer("idp", "oidc", {**OWN["oidc"], "claims": {"subject": "uid"}}, Common(login=LOGIN))
    assert user(identity(whose, uid="u-9"), whose, SIGNER.key(), NONCE, NOW).subject == "u-9"


def test_every_type_with_users_has_a_proof() -> None:
    assert PROOFS.keys() == IDPS.keys() - {SIDECAR}
    assert able(of_type("oidc"))
    assert not able(replace(of_type("oidc"), login=None))
    assert not able(replace(of_type("oidc"), type=SIDECAR))


def test_what_is_needed_is_asked_for() -> None:
    at = Endpoints("https://issuer.example/authorize?p=1", "https://issuer.example/token", "i", False, ("m",))
    url = authorize(
        of_type("entra"), at, redirect_uri="https://a.example/login/idp", state="s", nonce=NONCE, verifier=Secret("v")
    )
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert asked["scope"] == "openid profile"
    assert asked["code_challenge"] == challenge(Secret("v"))
    assert (asked["p"], asked["client_id"], asked["nonce"]) == ("1", "login-client", NONCE.reveal())
    assert "prompt" not in asked


def test_the_challenge_is_that_of_the_rfc() -> None:
    """RFC 7636, appendix B."""
    verifier = Secret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    assert challenge(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.mark.parametrize(
    ("method", "secret", "header", "members"),
    [
        ("client_secret_post", Secret("s"), False, {"client_id", "client_secret"}),
        ("client_secret_basic", Secret("s"), True, set()),
        ("client_secret_basic", None, False, {"client_id"}),
    ],
)
def test_the_client_proves_itself_as_the_issuer_has_it(
    method: str, secret: Secret | None, header: bool, members: set[str]
) -> None:
    whose = replace(of_type("oidc"), login=Login("login-client", secret))
    at = Endpoints("https://i.example/a", "https://i.example/t", "i", False, (method,))
    request = redeem(whose, at, method, code="c", redirect_uri="https://a.example/l", verifier=Secret("v"))
    form = parse_qs(request.body.decode())
    assert ("Authorization" in request.headers) is header
    assert form.keys() & {"client_id", "client_secret"} == members
    assert (form["code"], form["code_verifier"]) == (["c"], ["v"])


DOCUMENT = {
    "issuer": "https://issuer.example",
    "authorization_endpoint": "https://issuer.example/a",
    "token_endpoint": "https://issuer.example/t",
}


def test_a_discovery_document_is_read() -> None:
    found = endpoints(json.dumps(DOCUMENT).encode(), of_type("oidc"))
    assert (found.authorize, found.token) == ("https://issuer.example/a", "https://issuer.example/t")
    assert (found.says_iss, found.methods) == (False, ("client_secret_basic",))


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://other.example"},
        {"issuer": None},
        {"authorization_endpoint": None},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "http://issuer.example/a"},
        {"authorization_endpoint": "https://user@issuer.example/a"},
        {"authorization_endpoint": "https://issuer.example/a#x"},
        {"token_endpoint": "http://127.0.0.1/t"},
        {"token_endpoint": 7},
        {"token_endpoint": "https://[x"},
    ],
)
def test_a_document_of_another_or_an_unsafe_one_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(IssuerUnreachable):
        endpoints(json.dumps({**DOCUMENT, **changes}).encode(), of_type("oidc"))


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"issuer": 1, "issuer": 2}'])
def test_what_is_no_document_is_refused(body: bytes) -> None:
    with pytest.raises(IssuerUnreachable):
        endpoints(body, of_type("oidc"))


@pytest.mark.parametrize(
    ("says", "iss", "is_so"),
    [
        (True, "https://issuer.example", True),
        (True, None, False),
        (False, None, True),
        (False, "https://issuer.example", True),
        (False, "https://issuer.example/", False),
        (True, "https://other.example", False),
    ],
)
def test_an_answer_is_the_issuers_own(says: bool, iss: str | None, is_so: bool) -> None:
    at = Endpoints("https://issuer.example/a", "t", "https://issuer.example", says, ())
    assert answered_by(of_type("oidc"), at, iss) is is_so


@pytest.mark.parametrize(
    ("status", "body"), [(200, b"{}"), (200, b'{"id_token": 7}'), (400, b'{"id_token": "a.b.c"}'), (200, b"<html>")]
)
def test_an_answer_without_an_id_token_is_refused(status: int, body: bytes) -> None:
    with pytest.raises(IssuerUnreachable):
        id_token(Response(status, {}, body), of_type("oidc"))


def test_an_unknown_client_is_told_from_a_bad_code() -> None:
    assert unproved(Response(401, {}, b'{"error": "invalid_client"}'))
    assert not unproved(Response(400, {}, b'{"error": "invalid_grant"}'))
    assert not unproved(Response(200, {}, b"{}"))


def test_without_a_login_nobody_is_sent() -> None:
    whose, at = replace(of_type("oidc"), login=None), Endpoints("a", "t", "i", False, ())
    with pytest.raises(ValueError, match="no login"):
        authorize(whose, at, redirect_uri="r", state="s", nonce=NONCE, verifier=NONCE)
    with pytest.raises(ValueError, match="no login"):
        redeem(whose, at, "m", code="c", redirect_uri="r", verifier=NONCE)
    with pytest.raises(ValueError, match="no login"):
        as_client(whose)
