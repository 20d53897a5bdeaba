"""Providers that nobody knows."""

from typing import Any

import pytest

from sidecar.errors import ProviderRefused
from sidecar.oauth.catalog import entry, serves
from sidecar.oauth.metadata import Endpoint
from sidecar.oauth.provider import Provider
from sidecar.secret import Secret

ISSUER = "https://as.example.com"
FOUND = Endpoint(
    f"{ISSUER}/t", ISSUER, f"{ISSUER}/a", f"{ISSUER}/r", frozenset({"openid", "email", "offline_access", "a"}), True
)


def provider(**settings: Any) -> Provider:
    return Provider("crm", "oauth2", "principal", client_id="c", client_secret=Secret("s"), **settings)


def test_what_the_metadata_says_is_used() -> None:
    one = entry(provider(discovery=ISSUER), FOUND)
    assert (one.authorize_url, one.token_url, one.server) == (f"{ISSUER}/a", f"{ISSUER}/t", ISSUER)
    assert one.revocation is not None
    assert one.revocation.url == f"{ISSUER}/r"
    assert one.says_iss
    assert one.whose is not None
    assert one.whose.told == "id_token"
    assert one.always == {"openid", "email", "offline_access"}
    assert one.parameters["prompt"] == "consent"


def test_what_is_configured_by_hand_counts_more() -> None:
    by_hand = {"authorize_url": f"{ISSUER}/a2", "token_url": f"{ISSUER}/t2", "revoke_url": f"{ISSUER}/r2"}
    one = entry(provider(discovery=ISSUER, **by_hand), FOUND)
    assert (one.authorize_url, one.token_url) == (f"{ISSUER}/a2", f"{ISSUER}/t2")
    assert one.revocation is not None
    assert one.revocation.url == f"{ISSUER}/r2"


def test_without_metadata_nothing_is_assumed() -> None:
    one = entry(provider(authorize_url=f"{ISSUER}/a", token_url=f"{ISSUER}/t"))
    assert (one.issuer, one.server) == (None, ISSUER)
    assert (one.revocation, one.whose, one.always, one.says_iss) == (None, None, frozenset(), False)
    assert one.pkce
    assert one.client_auth == "basic"
    assert dict(one.parameters) == {}


def test_a_hint_is_given_where_the_server_knows_users_by_openid() -> None:
    assert entry(provider(), FOUND).hint == "login_hint"
    assert entry(provider(), Endpoint(f"{ISSUER}/t", ISSUER, f"{ISSUER}/a")).hint == ""


def test_openid_and_offline_access_alone_take_a_fresh_consent() -> None:
    scopes = frozenset({"openid", "offline_access"})
    assert (
        entry(provider(), Endpoint(f"{ISSUER}/t", ISSUER, f"{ISSUER}/a", None, scopes)).parameters["prompt"]
        == "consent"
    )


def test_offline_access_without_openid_needs_no_fresh_consent() -> None:
    one = entry(provider(), Endpoint(f"{ISSUER}/t", ISSUER, f"{ISSUER}/a", None, frozenset({"offline_access"})))
    assert one.always == {"offline_access"}
    assert "prompt" not in one.parameters


def test_without_a_token_endpoint_there_is_no_entry() -> None:
    with pytest.raises(ProviderRefused):
        entry(provider(authorize_url=f"{ISSUER}/a"))


def test_metadata_without_an_authorization_endpoint_is_refused() -> None:
    with pytest.raises(ProviderRefused) as refused:
        entry(provider(discovery=ISSUER), Endpoint(f"{ISSUER}/t", ISSUER))
    assert "providers.crm.authorize_url" in refused.value.detail


@pytest.mark.parametrize(
    ("one", "server"),
    [
        (provider(discovery=ISSUER), ISSUER),
        (provider(discovery=f"{ISSUER}/.well-known/openid-configuration"), f"{ISSUER}/"),
        (provider(authorize_url=f"{ISSUER}/a", token_url=f"{ISSUER}/t"), ISSUER),
        (Provider("google", "google", "principal", client_id="c"), "https://accounts.google.com"),
    ],
)
def test_whose_grants_they_are_is_known_without_asking(one: Provider, server: str) -> None:
    assert serves(one, server)
    assert not serves(one, "https://other.example.com")
