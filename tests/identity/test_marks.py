"""What a token's marks say that it is, and whom its subject stands for."""

from typing import Any

import pytest

from sidecar.errors import TokenKindInvalid
from sidecar.identity import marks
from sidecar.identity.marks import ACCESS, EITHER, ID, NEITHER
from sidecar.identity.principal import Kind

V1, V2 = "https://sts.windows.net/t/", "https://login.microsoftonline.com/t/v2.0"


@pytest.mark.parametrize(
    ("typ", "uses"),
    [
        ({}, EITHER),
        ({"typ": "JWT"}, EITHER),
        ({"typ": "application/JWT"}, EITHER),
        ({"typ": "at+JWT"}, ACCESS),
        ({"typ": "Application/AT+jwt"}, ACCESS),
        ({"typ": ""}, NEITHER),
        ({"typ": "logout+jwt"}, NEITHER),
        ({"typ": "application/"}, NEITHER),
        ({"typ": "application/application/jwt"}, NEITHER),
    ],
)
def test_the_header_says_it(typ: dict[str, str], uses: frozenset[Any]) -> None:
    assert marks.by_header(typ) == uses


@pytest.mark.parametrize(
    ("claims", "uses"),
    [
        ({"token_use": "access"}, ACCESS),
        ({"token_use": "id"}, ID),
        ({"token_use": "Access"}, NEITHER),
        ({"token_use": None}, NEITHER),
        ({"token_use": ["id"]}, NEITHER),
        ({}, NEITHER),
    ],
)
def test_cognito_says_it_with_token_use(claims: dict[str, Any], uses: frozenset[Any]) -> None:
    assert marks.cognito(claims) == uses


@pytest.mark.parametrize(
    ("claims", "uses"),
    [({"cid": "a"}, ACCESS), ({"cid": 1}, ID), ({}, ID), ({"nonce": "n"}, ID), ({"cid": "a", "at_hash": "h"}, NEITHER)],
)
def test_okta_says_it_with_cid(claims: dict[str, Any], uses: frozenset[Any]) -> None:
    assert marks.okta(claims) == uses


@pytest.mark.parametrize(
    ("claims", "uses"),
    [
        ({"iss": V2, "scp": "a"}, ACCESS),
        ({"iss": V2, "scp": "a", "ver": "2.0"}, ACCESS),
        ({"iss": V1, "scp": "a", "ver": "1.0"}, ACCESS),
        ({"iss": V1, "scp": "a", "ver": "2.0"}, NEITHER),
        ({"iss": V2, "scp": "a", "ver": 2}, NEITHER),
        ({"iss": V2, "idtyp": "app"}, ACCESS),
        ({"iss": V2, "idtyp": "user"}, ACCESS),
        ({"iss": V2, "scp": "a", "idtyp": "device"}, NEITHER),
        ({"iss": V2, "scp": "a", "idtyp": None}, NEITHER),
        ({"iss": V2, "roles": ["r"], "azp": "c"}, ACCESS),
        ({"iss": V1, "roles": ["r"], "appid": "c"}, ACCESS),
        ({"iss": V2, "roles": ["r"]}, ID),
        ({"iss": V2, "azp": "c"}, ID),
        ({"iss": V2}, ID),
        ({"iss": V2, "nonce": "n"}, ID),
        ({"iss": V2, "nonce": "n", "roles": ["r"]}, ID),
        ({"iss": V2, "nonce": "n", "scp": "a"}, NEITHER),
    ],
)
def test_entra_says_it_with_its_grants(claims: dict[str, Any], uses: frozenset[Any]) -> None:
    assert marks.entra(claims) == uses


@pytest.mark.parametrize(
    ("claims", "uses"),
    [
        ({}, EITHER),
        ({"nonce": "n"}, ID),
        ({"at_hash": None}, ID),
        ({"c_hash": "h"}, ID),
        ({"scope": "a"}, ACCESS),
        ({"scp": []}, ACCESS),
        ({"scope": "openid", "nonce": "n"}, NEITHER),
        ({"typ": "Bearer"}, ACCESS),
        ({"typ": "ID"}, ID),
        ({"typ": "JWT"}, EITHER),
        ({"typ": "Refresh"}, NEITHER),
        ({"typ": ""}, NEITHER),
        ({"typ": 7}, EITHER),
        ({"typ": "ID", "scope": "a"}, NEITHER),
    ],
)
def test_others_say_it_with_what_only_one_kind_has(claims: dict[str, Any], uses: frozenset[Any]) -> None:
    assert marks.generic(claims) == uses


@pytest.mark.parametrize("claim", ["events", "cnf"])
@pytest.mark.parametrize("value", [{}, None, "x", {"jkt": "x"}])
def test_a_security_event_and_a_bound_token_are_nobodys_bearer_token(claim: str, value: Any) -> None:
    with pytest.raises(TokenKindInvalid):
        marks.foreign({claim: value})


def test_a_bearer_token_is_not_foreign() -> None:
    marks.foreign({"sub": "alice", "act": {"sub": "agent"}})


USER, SERVICE = Kind.USER, Kind.SERVICE


@pytest.mark.parametrize(
    ("told", "claims", "kind"),
    [
        (marks.cognito_kind, {"sub": "c"}, SERVICE),
        (marks.cognito_kind, {"sub": "c", "username": "alice"}, USER),
        (marks.cognito_kind, {"sub": "alice"}, USER),
        (marks.okta_kind, {"sub": "c"}, SERVICE),
        (marks.okta_kind, {"sub": "c", "uid": "u"}, USER),
        (marks.okta_kind, {"sub": "a@b.example", "uid": "u"}, USER),
        (marks.auth0_kind, {"sub": "c@clients"}, SERVICE),
        (marks.auth0_kind, {"sub": "auth0|x", "gty": "client-credentials"}, SERVICE),
        (marks.auth0_kind, {"sub": "auth0|c@clients"}, USER),
        (marks.auth0_kind, {"sub": "other@clients"}, USER),
        (marks.entra_kind, {"roles": ["r"]}, SERVICE),
        (marks.entra_kind, {"roles": ["r"], "idtyp": "app"}, SERVICE),
        (marks.entra_kind, {"roles": ["r"], "scp": "a"}, USER),
        (marks.entra_kind, {"idtyp": "user"}, USER),
        (marks.generic_kind, {"sub": "c"}, SERVICE),
        (marks.generic_kind, {"sub": "alice"}, USER),
        (marks.generic_kind, {"sub": "system:serviceaccount:a:b", "kubernetes.io": {}}, SERVICE),
        (marks.generic_kind, {"sub": "system:serviceaccount:a:b"}, USER),
        (marks.generic_kind, {"sub": "alice", "kubernetes.io": {}}, USER),
        (marks.generic_kind, {"sub": "x", "preferred_username": "service-account-C"}, SERVICE),
        (marks.generic_kind, {"sub": "x", "preferred_username": "service-account-c", "sid": "s"}, USER),
        (marks.generic_kind, {"sub": "x", "preferred_username": "service-account-other"}, USER),
    ],
)
def test_a_subject_is_a_user_unless_the_marks_say_a_service(
    told: marks.Told, claims: dict[str, Any], kind: Kind
) -> None:
    assert told(claims, "c") is kind


@pytest.mark.parametrize("told", [marks.auth0_kind, marks.generic_kind, marks.cognito_kind])
def test_without_a_client_nothing_is_equal_to_it(told: marks.Told) -> None:
    assert told({"sub": "None", "preferred_username": "service-account-None"}, None) is USER


def test_an_okta_subject_that_is_neither_is_refused() -> None:
    with pytest.raises(TokenKindInvalid):
        marks.okta_kind({"sub": "alice@acme.example"}, "c")
