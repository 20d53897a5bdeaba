"""Where issuers live: which addresses are whole, and which tenants a configuration names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.identity import places

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
