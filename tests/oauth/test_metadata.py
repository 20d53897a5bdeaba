"""What authorization servers say of themselves."""

import json
from typing import Any

import pytest

from sidecar.errors import ProviderRefused
from sidecar.oauth.metadata import Endpoint, token_endpoint, urls

URL = "https://as.example.com/token"


@pytest.mark.parametrize(
    ("issuer", "found"),
    [
        (
            "https://as.example.com",
            (
                "https://as.example.com/.well-known/oauth-authorization-server",
                "https://as.example.com/.well-known/openid-configuration",
            ),
        ),
        (
            "https://as.example.com/",
            (
                "https://as.example.com/.well-known/oauth-authorization-server",
                "https://as.example.com/.well-known/openid-configuration",
            ),
        ),
        (
            "https://as.example.com:8443/realms/acme",
            (
                "https://as.example.com:8443/.well-known/oauth-authorization-server/realms/acme",
                "https://as.example.com:8443/realms/acme/.well-known/openid-configuration",
            ),
        ),
        (
            "https://as.example.com/realms/acme/.well-known/openid-configuration",
            ("https://as.example.com/realms/acme/.well-known/openid-configuration",),
        ),
    ],
)
def test_metadata_is_looked_for_where_the_standards_put_it(issuer: str, found: tuple[str, ...]) -> None:
    assert urls(issuer) == found


@pytest.mark.parametrize(
    ("configured", "named"),
    [
        ("https://as.example.com", "https://as.example.com"),
        ("https://as.example.com/", "https://as.example.com/"),
        ("https://as.example.com/a/.well-known/openid-configuration", "https://as.example.com/a"),
        ("https://as.example.com/.well-known/openid-configuration", "https://as.example.com/"),
        ("https://as.example.com/.well-known/openid-configuration", "https://as.example.com"),
        ("https://as.example.com/.well-known/oauth-authorization-server/a", "https://as.example.com/a"),
    ],
)
def test_the_token_endpoint_is_the_issuers_own(configured: str, named: str) -> None:
    body = json.dumps({"issuer": named, "token_endpoint": URL}).encode()
    assert token_endpoint(body, "crm", configured) == Endpoint(URL, named)


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9/t", "http://localhost:9/t", "https://as.example.com/t"])
def test_in_development_the_endpoint_may_be_on_loopback_too(endpoint: str) -> None:
    body = json.dumps({"issuer": "http://127.0.0.1:8", "token_endpoint": endpoint}).encode()
    assert token_endpoint(body, "crm", "http://127.0.0.1:8").url == endpoint


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://as.example.com/", "token_endpoint": URL},
        {"issuer": "https://other.example.com", "token_endpoint": URL},
        {"issuer": ["https://as.example.com"], "token_endpoint": URL},
        {"token_endpoint": URL},
        {"issuer": "https://as.example.com"},
        {"issuer": "https://as.example.com", "token_endpoint": 7},
        {"issuer": "https://as.example.com", "token_endpoint": "http://as.example.com/t"},
        {"issuer": "https://as.example.com", "token_endpoint": "http://127.0.0.1/t"},
        {"issuer": "https://as.example.com", "token_endpoint": "ftp://as.example.com/t"},
        {"issuer": "https://as.example.com", "token_endpoint": "https://u:p@as.example.com/t"},
        {"issuer": "https://as.example.com", "token_endpoint": "https://[::1/t"},
        {"issuer": "https://as.example.com", "token_endpoint": "https:///t"},
        [],
        "text",
    ],
)
def test_metadata_that_is_not_the_issuers_is_refused(document: Any) -> None:
    with pytest.raises(ProviderRefused) as refused:
        token_endpoint(json.dumps(document).encode(), "crm", "https://as.example.com")
    assert "providers.crm" in refused.value.detail
    assert "other.example" not in refused.value.detail + refused.value.reason


def test_the_other_endpoints_are_learned_too() -> None:
    document: dict[str, Any] = {"issuer": "https://as.example.com", "token_endpoint": URL}
    document |= {"authorization_endpoint": "https://as.example.com/a?x=y", "revocation_endpoint": "https://r.example/"}
    document |= {"scopes_supported": ["openid", 7, "a"], "authorization_response_iss_parameter_supported": True}
    found = token_endpoint(json.dumps(document).encode(), "crm", "https://as.example.com")
    assert (found.authorize_url, found.revoke_url) == ("https://as.example.com/a?x=y", "https://r.example/")
    assert (found.scopes, found.says_iss) == (frozenset({"openid", "a"}), True)


@pytest.mark.parametrize("url", ["http://as.example.com/a", "javascript:alert(1)", 7, "https://as.example.com/a b",
                                 "https://as.example.com/a#b", "https://as.example.com/\r\n", None])  # fmt: skip
def test_another_endpoint_that_is_not_as_safe_as_the_issuer_is_not_there(url: object) -> None:
    document = {"issuer": "https://as.example.com", "token_endpoint": URL, "authorization_endpoint": url}
    document |= {"scopes_supported": "openid", "authorization_response_iss_parameter_supported": "true"}
    found = token_endpoint(json.dumps(document).encode(), "crm", "https://as.example.com")
    assert (found.authorize_url, found.scopes, found.says_iss) == (None, frozenset(), False)
