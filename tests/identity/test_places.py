"""Where issuers live: which addresses are whole, and which tenants a configuration names."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.identity import places
from sidecar.identity.idps import Common

A, B = "4f2d0000-0000-4000-8000-00000000000a", "4f2d0000-0000-4000-8000-00000000000b"


def complaints(url: str, *, query: bool = False) -> list[str]:
    said: list[str] = []
    places.web(url, "url", lambda key, what, mend: said.append(what), query=query)
    return said


@pytest.mark.parametrize(
    "url",
    [
        "https://op.example.com",
        "https://op.example.com/",
        "https://op.example.com:8443/realms/a",
        "https://[2001:db8::1]/x",
        "http://127.0.0.1:8000",
        "http://localhost",
        "http://[::1]:80/x",
        "https://op.example.com/a%20b;c=d",
    ],
)
def test_a_whole_address_is_well_formed(url: str) -> None:
    assert complaints(url) == []


@pytest.mark.parametrize(
    "url",
    [
        "", "op.example.com", "//op.example.com", "https:op.example.com", "https://", "https:///x", "ftp://op.example.com",
        "https://a@op.example.com", "https://a:b@op.example.com", "https://op.example.com#", "https://op.example.com?x",
        "https://op.example.com/ x", "https://op.example.com/\n", "https://öp.example.com", "https://op.example.com:0",
        "https://op.example.com:99999", "https://op.example.com:x", "https://[::1", "https://op.example.com/{tenant}", "https://op.example.com/\\",
    ],
)  # fmt: skip
def test_anything_else_is_not(url: str) -> None:
    assert complaints(url) == ["is not an absolute URL"]


@pytest.mark.parametrize(
    "url", ["http://op.example.com", "http://127.0.0.2.example.com", "http://0.0.0.0", "http://10.0.0.1"]
)
def test_http_is_for_loopback(url: str) -> None:
    assert complaints(url) == ["is not https"]


def test_a_query_is_allowed_where_it_is_asked_for() -> None:
    assert complaints("https://op.example.com/keys?appid=1", query=True) == []
    assert complaints("https://op.example.com/keys?appid=1#x", query=True) == ["is not an absolute URL"]


@given(st.text(max_size=30))
def test_any_text_is_judged(url: str) -> None:
    complaints("https://" + url, query=True)
    complaints(url)


@pytest.mark.parametrize(
    ("key", "value", "fine"),
    [
        ("domain", "acme.okta.com", True),
        ("domain", "https://acme.okta.com", False),
        ("domain", "acme", False),
        ("region", "us-gov-west-1", True),
        ("region", "frankfurt", False),
        ("user_pool_id", "eu-central-1_a1", True),
        ("user_pool_id", "eu-central-1_a/b", False),
        ("authorization_server", "aus1Example", True),
        ("authorization_server", "../x", False),
        ("tenant", (A.upper(),), True),
        ("tenant", ("organizations",), True),
        ("tenant", ("common",), False),
        ("tenant", (A, "acme.com"), False),
        ("tenants", ("organizations",), False),
        ("issuer", "https://op.example.com", True),
        ("issuer", "op", False),
        ("audience", ("api://travel",), True),
        ("audience", (), False),
        ("audience", ("a", ""), False),
        ("audience", "", False),
        ("claims", {"roles": "x"}, True),
    ],
)
def test_each_key_has_a_form(key: str, value: Any, fine: bool) -> None:
    said: list[str | None] = []
    places.well_formed(key, value, lambda where, what, mend: said.append(where))
    assert said == ([] if fine else [key])


POOL = {"region": "eu-central-1", "user_pool_id": "eu-central-1_a", "client_ids": ("a", "b")}
GITHUB = "https://token.actions.githubusercontent.com"
CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad"
OWNED = Common(require={"owner": frozenset({"acme"})})


@pytest.mark.parametrize(
    ("check", "values", "common", "wrong"),
    [
        (places.anywhere, {}, Common(), []),
        (places.cognito, POOL, Common(), []),
        (places.cognito, POOL, Common(clients=("b", "c")), []),
        (places.cognito, POOL, Common(clients=("c",)), ["clients"]),
        (places.cognito, {**POOL, "region": "eu-central"}, Common(), ["user_pool_id"]),
        (places.entra, {"tenant": (A,)}, Common(), []),
        (places.entra, {"tenant": ("organizations",)}, Common(), ["tenants"]),
        (places.entra, {"tenant": ("organizations",), "tenants": (A,)}, Common(), []),
        (places.entra, {"tenant": (A,), "tenants": (B,)}, Common(), ["tenants"]),
        (places.entra, {"tenant": (CONSUMERS,)}, Common(), ["require"]),
        (places.entra, {"tenant": (CONSUMERS,)}, OWNED, []),
        (places.entra, {"tenant": (A,), "groups": "token"}, Common(), []),
        (places.entra, {"tenant": (A,), "groups": "ldap"}, Common(), ["groups"]),
        (places.entra, {"tenant": (A,), "groups": "graph"}, Common(), []),
        (places.oidc, {"issuer": "https://a.example", "audience": ("x",)}, Common(), []),
        (places.oidc, {"issuer": "https://a.example"}, Common(clients=("x",)), []),
        (places.oidc, {"issuer": "https://a.example"}, Common(), ["audience"]),
        (places.oidc, {"issuer": GITHUB, "audience": ("x",)}, OWNED, []),
        (places.oidc, {"issuer": GITHUB, "audience": ("x",)}, Common(require={"aud": frozenset({"x"})}), ["require"]),
        (places.oidc, {"issuer": "https://accounts.google.com/", "audience": ("x",)}, Common(), ["require"]),
        (places.oidc, {"issuer": "https://acme.okta.com", "audience": ("x",)}, Common(), ["issuer"]),
        (places.oidc, {"issuer": "https://acme.okta.com/oauth2/default", "audience": ("x",)}, Common(), []),
    ],
)
def test_own_keys_go_together(check: Any, values: dict[str, Any], common: Common, wrong: list[str]) -> None:
    said: list[str | None] = []
    check(values, common, lambda where, what, mend: said.append(where))
    assert said == wrong


def test_a_template_is_filled_once() -> None:
    values = {"issuer": "https://a.example/{tenant}"}
    assert places.filled(("{issuer}",), values, A) == ("https://a.example/{tenant}",)
    assert places.filled(("https://x/{tenant}/",), {}, A) == (f"https://x/{A}/",)


@pytest.mark.parametrize(
    ("values", "tenants"),
    [
        ({}, ("",)),
        ({"tenant": (A,)}, (A,)),
        ({"tenant": (A.upper(), B, A)}, (A, B)),
        ({"tenant": ("organizations",), "tenants": (B,)}, (B,)),
    ],
)
def test_tenants_are_spelled_as_tokens_spell_them(values: dict[str, tuple[str, ...]], tenants: tuple[str, ...]) -> None:
    assert places.tenants(values) == tenants


def test_discovery_is_below_the_issuer() -> None:
    document = "/.well-known/openid-configuration"
    assert places.discovery("https://a.example/", ("",)) == "https://a.example" + document
    assert places.discovery("https://a.example/realms/b", ("",)) == "https://a.example/realms/b" + document
    assert (
        places.discovery("https://a.example", (A, B))
        == "https://login.microsoftonline.com/organizations/v2.0" + document
    )
