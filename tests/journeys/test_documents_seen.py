"""What the sidecar says of itself on the agent's address: assertions, their keys, and how to get a token."""

from collections.abc import Iterator
from typing import Any

import aiohttp
import jwt
import pytest

from tests.journeys.given import bearer, given
from tests.journeys.issuer import Issuer
from tests.journeys.seen import seen
from tests.running import Running, serving


@pytest.fixture(scope="module")
def asserting(issuer: Issuer, fastapi: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    more: dict[str, Any] = {
        "agent": {"assertion": True},
        "inbound": {"public_url": "https://travel.example.com/agent"},
    }
    with serving(given(issuer, fastapi, **more), tmp_path_factory.mktemp("asserting")) as running:
        yield running


async def test_the_assertion_is_a_jwt_that_anyone_can_verify(
    asserting: Running, issuer: Issuer, client: aiohttp.ClientSession
) -> None:
    headers = await seen(client, asserting, issuer.token(groups=["sales"], scope="calendar.read"))
    async with client.get(asserting.url + "/.well-known/identity-sidecar/jwks.json") as response:
        assert response.status == 200
        keys = jwt.PyJWKSet.from_dict(await response.json())
    assertion = headers["x-identity-assertion"]
    header = jwt.get_unverified_header(assertion)
    assert (header["alg"], header["typ"]) == ("ES256", "principal+jwt")
    claims = jwt.decode(
        assertion, keys[header["kid"]].key, algorithms=["ES256"], audience="travel-agent",
        options={"require": ["exp", "iat", "iss", "sub", "aud"]},
    )  # fmt: skip
    assert claims["exp"] - claims["iat"] <= 300
    assert claims["sub"] == headers["x-identity-principal"]
    again = await seen(client, asserting, issuer.token(groups=["sales"], scope="calendar.read"))
    other = await seen(client, asserting, issuer.token("bob"))
    assert other["x-identity-assertion"] != assertion
    assert jwt.decode(again["x-identity-assertion"], options={"verify_signature": False})["sub"] == claims["sub"]


async def test_one_signature_serves_a_principal_for_a_while(
    asserting: Running, issuer: Issuer, client: aiohttp.ClientSession
) -> None:
    token = issuer.token("carol")
    assertions = {(await seen(client, asserting, token))["x-identity-assertion"] for _ in range(3)}
    assert len(assertions) == 1


async def test_there_is_no_assertion_unless_asked_for(
    served: Running, issuer: Issuer, client: aiohttp.ClientSession
) -> None:
    assert "x-identity-assertion" not in await seen(client, served, issuer.token())


async def test_the_jwks_holds_public_keys_alone(asserting: Running, client: aiohttp.ClientSession) -> None:
    async with client.get(asserting.url + "/.well-known/identity-sidecar/jwks.json") as response:
        keys = (await response.json())["keys"]
    assert keys
    assert all("d" not in key for key in keys)


# how to get in


async def test_the_agent_is_a_protected_resource_that_says_how_to_get_a_token(
    asserting: Running, issuer: Issuer, client: aiohttp.ClientSession
) -> None:
    async with client.get(asserting.url + "/.well-known/oauth-protected-resource/agent") as response:
        assert response.status == 200
        assert response.content_type == "application/json"
        document = await response.json()
    assert document["resource"] == "https://travel.example.com/agent"
    assert document["authorization_servers"] == [issuer.url]
    assert document["bearer_methods_supported"] == ["header"]
    async with client.get(asserting.url + "/echo") as response:
        challenge = response.headers["WWW-Authenticate"]
    assert 'resource_metadata="https://travel.example.com/.well-known/oauth-protected-resource/agent"' in challenge


async def test_without_a_public_url_those_paths_are_the_agents(
    served: Running, issuer: Issuer, client: aiohttp.ClientSession
) -> None:
    for path in ("/.well-known/oauth-protected-resource", "/.well-known/identity-sidecar/jwks.json"):
        async with client.get(served.url + path) as response:
            assert response.status == 401
        async with client.get(served.url + path, headers=bearer(issuer.token())) as response:
            assert response.status == 404
            assert "Sidecar-Error" not in response.headers
