"""Tokens of a certified issuer that nobody here wrote: accepted, refused, and mapped into what the agent reads."""

from collections.abc import Iterator
from pathlib import Path

import aiohttp
import jwt
import pytest

from tests.journeys.given import configured, plain_entry
from tests.journeys.seen import identity, key_of, refused, seen
from tests.oidc_provider import ALGORITHMS, OidcProvider, oidc_provider, plain
from tests.running import Running, serving, sidecar


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcProvider]:
    with oidc_provider(tmp_path_factory.mktemp("provider")) as running:
        yield running


@pytest.fixture(scope="module")
def before(fastapi: str, provider: OidcProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(configured(fastapi, {"shop": plain_entry(provider)}), tmp_path_factory.mktemp("before")) as running:
        yield running


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_users_access_token_is_mapped(
    provider: OidcProvider, before: Running, client: aiohttp.ClientSession, algorithm: str
) -> None:
    tokens = await provider.login(plain(provider.plain, algorithm), "zoe")
    assert jwt.get_unverified_header(tokens.access)["alg"] == algorithm
    assert identity(await seen(client, before, tokens.access)) == {
        "principal": key_of(provider.plain, "", "zoe"),
        "subject": "zoe",
        "issuer": "shop",
        "kind": "user",
        "client": f"web-{algorithm}",
        "name": 'Zo%C3%AB,%20"%CE%A9"%20100%25',
        "groups": "Verk%C3%A4ufer,a%2Cb",
        "scopes": "calendar.read",
    }


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_services_access_token_is_mapped(
    provider: OidcProvider, before: Running, client: aiohttp.ClientSession, algorithm: str
) -> None:
    tokens = await provider.service(plain(provider.plain, algorithm))
    assert identity(await seen(client, before, tokens.access)) == {
        "principal": key_of(provider.plain, "", f"service-{algorithm}"),
        "subject": f"service-{algorithm}",
        "issuer": "shop",
        "kind": "service",
        "client": f"service-{algorithm}",
        "scopes": "calendar.read",
    }


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_an_id_token_is_not_an_access_token(
    provider: OidcProvider, before: Running, client: aiohttp.ClientSession, tmp_path: Path, fastapi: str, algorithm: str
) -> None:
    shape = plain(provider.plain, algorithm)
    tokens = await provider.login(shape, "alice", scope="openid email calendar.read")
    assert await refused(client, before, tokens.id) in ("audience_invalid", "token_kind_invalid")
    if algorithm == "RS256":  # also where its audience is one that is asked for
        both = {"shop": plain_entry(provider, audience=["https://travel.example/", shape.web])}
        async with sidecar(configured(fastapi, both), tmp_path) as running:
            assert await refused(client, running, tokens.id) == "token_kind_invalid"


async def test_an_algorithm_that_is_not_allowed_is_refused(
    provider: OidcProvider, fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with sidecar(configured(fastapi, {"shop": plain_entry(provider, algorithms=["ES256"])}), tmp_path) as running:
        good = await provider.service(plain(provider.plain, "ES256"))
        await seen(client, running, good.access)
        bad = await provider.service(plain(provider.plain, "RS256"))
        assert await refused(client, running, bad.access) == "signature_invalid"
