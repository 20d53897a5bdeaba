"""Exchanges: what each standard asks for, and how its answers are read."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import NotPermitted, Refusal
from sidecar.oauth import exchange
from sidecar.oauth.provider import Provider
from sidecar.secret import Secret
from sidecar.wire.http import Response
from tests.oauth.surrounding import NOW

TOKEN = Secret("the.callers.token")
TYPE = "urn:ietf:params:oauth:token-type:"
EXCHANGE, BEARER = exchange.EXCHANGE, exchange.BEARER


def provider(standard: str, **settings: Any) -> Provider:
    return Provider("crm", "exchange", "principal", standard=standard, client_id="c", **settings)


@pytest.mark.parametrize(
    ("asked", "scopes", "actor", "form"),
    [
        (
            provider("rfc8693"),
            "",
            None,
            {
                "grant_type": EXCHANGE,
                "subject_token": "the.callers.token",
                "subject_token_type": f"{TYPE}access_token",
            },
        ),
        (
            provider("rfc8693", audience="crm", resource="https://crm.example/", subject_token="jwt"),
            "b a",
            "the.agents.token",
            {
                "grant_type": EXCHANGE,
                "subject_token": "the.callers.token",
                "subject_token_type": f"{TYPE}jwt",
                "actor_token": "the.agents.token",
                "actor_token_type": f"{TYPE}jwt",
                "audience": "crm",
                "resource": "https://crm.example/",
                "scope": "a b",
            },
        ),
        (
            provider("entra_obo", tenant="t"),
            "https://graph.microsoft.com/.default",
            "the.agents.token",
            {
                "grant_type": BEARER,
                "assertion": "the.callers.token",
                "requested_token_use": "on_behalf_of",
                "scope": "https://graph.microsoft.com/.default",
            },
        ),
        (
            provider("rfc7523", audience="crm"),
            "a",
            "the.agents.token",
            {"grant_type": BEARER, "assertion": "the.callers.token", "audience": "crm", "scope": "a"},
        ),
        (
            provider("id_jag", audience="https://as.example/", resource="https://api.example/"),
            "a",
            None,
            {
                "grant_type": EXCHANGE,
                "subject_token": "the.callers.token",
                "subject_token_type": f"{TYPE}id_token",
                "requested_token_type": f"{TYPE}id-jag",
                "audience": "https://as.example/",
                "resource": "https://api.example/",
                "scope": "a",
            },
        ),
    ],
    ids=["rfc8693", "rfc8693 in full", "entra_obo", "rfc7523", "id_jag"],
)
def test_each_standard_asks_in_its_own_words(
    asked: Provider, scopes: str, actor: str | None, form: dict[str, str]
) -> None:
    assert exchange.form(asked, TOKEN, frozenset(scopes.split()), actor) == form
    assert exchange.grant_type(asked) == form["grant_type"]


def test_the_agent_says_for_a_minute_that_it_acts() -> None:
    claims = exchange.actor("travel", "https://travel.example", "https://as.example", "j", NOW + 0.9)
    assert claims == {
        "iss": "https://travel.example",
        "sub": "travel",
        "aud": "https://as.example",
        "jti": "j",
        "iat": int(NOW),
        "exp": int(NOW) + 60,
    }


def said(body: Any, status: int = 200) -> Response:
    return Response(status, {}, json.dumps(body).encode())


TOKENS = {"access_token": "t", "issued_token_type": f"{TYPE}access_token", "token_type": "bearer", "expires_in": 60}
# As Entra's documentation shows it (on-behalf-of flow, "Error response example").
INTERACTION = {
    "error": "interaction_required",
    "error_description": "AADSTS50079: Due to a configuration change made by your administrator, the user must enroll.",
    "error_codes": [50079],
    "claims": '{"access_token":{"polids":{"essential":true,"values":["9ab03e19-ed42-4168-b6b7-7001fb3e933a"]}}}',
}


def test_a_token_is_read_as_any_other() -> None:
    given = exchange.granted(said({**TOKENS, "scope": "a b"}), "crm", NOW, EXCHANGE)
    assert (given.token.reveal(), given.lifetime, given.scopes) == ("t", 60.0, frozenset({"a", "b"}))


@pytest.mark.parametrize(
    "answer",
    [
        said({"error": "invalid_grant", "error_description": "AADSTS500133: the.callers.token has expired"}, 400),
        said(INTERACTION, 400),
        said({"error": "access_denied"}, 403),
        said({"error": "login_required"}, 200),
    ],
)
def test_where_it_is_the_callers_token_that_is_refused_the_caller_is_told(answer: Response) -> None:
    for read in (lambda: exchange.granted(answer, "crm", NOW, EXCHANGE), lambda: exchange.asserted(answer, "crm", NOW)):
        with pytest.raises(NotPermitted, match="for the caller's token") as refused:
            read()
        assert "sign in again" in refused.value.detail
        assert "the.callers.token" not in refused.value.reason + refused.value.detail


@pytest.mark.parametrize(
    ("answer", "status", "mends"),
    [
        (said({"error": "unauthorized_client"}, 400), 502, "token-exchange"),
        (said({"error": "unsupported_grant_type"}, 400), 502, "token-exchange"),
        (said({"error": "invalid_target"}, 400), 502, "audience and resource"),
        (said({"error": "invalid_client"}, 401), 502, "client_secret"),
        (said({"error": "invalid_grant"}, 500), 502, "Try again"),
        (said({"error": "invalid_grant"}, 429), 429, "Retry-After"),
        (said({**TOKENS, "token_type": "N_A"}), 502, "bearer"),
        (Response(200, {}, b"<html>"), 502, "no OAuth server"),
        (said([]), 502, "no OAuth server"),
    ],
)
def test_what_is_the_configurations_fault_or_the_providers_says_what_to_check(
    answer: Response, status: int, mends: str
) -> None:
    with pytest.raises(Refusal) as refused:
        exchange.granted(answer, "crm", NOW, EXCHANGE)
    assert refused.value.status == status
    assert mends in refused.value.detail


JAG = {"access_token": "j.a.g", "issued_token_type": f"{TYPE}id-jag", "token_type": "N_A", "expires_in": 300}


def test_an_assertion_is_an_assertion_and_nothing_else() -> None:
    assert exchange.asserted(said(JAG), "crm", NOW).reveal() == "j.a.g"
    assert exchange.redeemed(Secret("j.a.g")) == {"grant_type": BEARER, "assertion": "j.a.g"}
    for fault in ({"issued_token_type": f"{TYPE}access_token"}, {"token_type": "Bearer"}, {"access_token": 1}):
        with pytest.raises(Refusal) as refused:
            exchange.asserted(said({**JAG, **fault}), "crm", NOW)
        assert refused.value.status == 502


@given(
    st.integers(200, 599),
    st.binary(max_size=200) | st.builds(lambda text: json.dumps({"error": text}).encode(), st.text()),
)
def test_no_answer_does_anything_but_give_a_token_or_refuse(status: int, body: bytes) -> None:
    for read in (
        lambda: exchange.granted(Response(status, {}, body), "crm", NOW, BEARER),
        lambda: exchange.asserted(Response(status, {}, body), "crm", NOW),
    ):
        with pytest.raises(Refusal):
            read()
