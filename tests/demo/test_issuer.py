"""The demo's issuer over HTTP, its tokens verified by another library than the one that signs them."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from jwcrypto.jwk import JWKSet
from jwcrypto.jwt import JWT

from sidecar.demo.issuer import ALICE, AUDIENCE, BOB, PEOPLE, Issuer, Person, application
from sidecar.demo.server import serving

NOW = 1_800_000_000.0


@pytest.fixture
async def issuer() -> AsyncIterator[tuple[Issuer, str, aiohttp.ClientSession]]:
    signer = Issuer(lambda: NOW)
    async with serving(application(signer)) as url, aiohttp.ClientSession(url) as client:
        yield signer, url, client


Served = tuple[Issuer, str, aiohttp.ClientSession]


async def claims(client: aiohttp.ClientSession, token: str) -> dict[str, Any]:
    """What *token* says, once its signature holds under the published keys."""
    async with client.get("/jwks") as answer:
        keys = JWKSet.from_json(await answer.text())
    verified = JWT(jwt=token, key=keys, check_claims={"iss": None, "exp": None}, algs=["RS256", "ES256"])
    verified.leeway = 1 << 40  # the demo's clock is the test's, jwcrypto's is the machine's
    verified.validate(keys)
    return json.loads(verified.claims)  # type: ignore[no-any-return]  # json gives Any


@pytest.mark.parametrize("person", PEOPLE.values(), ids=lambda person: person.subject)
async def test_a_token_holds_under_the_published_keys(issuer: Served, person: Person) -> None:
    _, url, client = issuer
    async with client.get(f"/token/{person.subject}") as answer:
        token = await answer.text()
    said = await claims(client, token)
    assert (said["iss"], said["aud"], said["sub"]) == (url, AUDIENCE, person.subject)
    assert (said["iat"], said["exp"]) == (NOW - 1, NOW + 300)
    assert said["groups"] == list(person.groups)


async def test_alice_and_bob_have_tokens_of_two_algorithms(issuer: Served) -> None:
    signer, url, _ = issuer
    heads = [JWT(jwt=signer.token(url, person)).token.jose_header for person in (ALICE, BOB)]
    assert [head["alg"] for head in heads] == ["RS256", "ES256"]


async def test_a_token_can_be_asked_for_that_will_not_do(issuer: Served) -> None:
    _, _, client = issuer
    async with client.get("/token/alice?seconds=-60&audience=payroll") as answer:
        said = await claims(client, await answer.text())
    assert (said["aud"], said["exp"]) == ("payroll", NOW - 60)
    assert said["iat"] < said["exp"]


async def test_discovery_leads_to_the_keys_and_the_tokens(issuer: Served) -> None:
    _, url, client = issuer
    async with client.get("/.well-known/openid-configuration") as answer:
        document = await answer.json()
    assert document["issuer"] == url
    async with client.get(document["jwks_uri"]) as answer:
        keys = (await answer.json())["keys"]
    assert {key["kty"] for key in keys} == {"RSA", "EC"}
    assert not [member for key in keys for member in key if member in {"d", "p", "q", "dp", "dq", "qi"}]
    form = {"grant_type": "password", "username": "bob"}
    async with client.post(document["token_endpoint"], data=form) as answer:
        granted = await answer.json()
    assert granted["token_type"] == "Bearer"
    assert (await claims(client, granted["access_token"]))["sub"] == "bob"


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password", "username": "mallory"}, "invalid_grant"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({}, "unsupported_grant_type"),
    ],
)
async def test_who_is_not_known_gets_no_token(issuer: Served, form: dict[str, str], error: str) -> None:
    _, _, client = issuer
    async with client.post("/token", data=form) as answer:
        assert (answer.status, await answer.json()) == (400, {"error": error})


@pytest.mark.parametrize(("path", "status"), [("/token/mallory", 404), ("/token/alice?seconds=soon", 400)])
async def test_a_wrong_question_is_answered_in_words(issuer: Served, path: str, status: int) -> None:
    _, _, client = issuer
    async with client.get(path) as answer:
        assert answer.status == status
        assert (await answer.text()).endswith(".\n")
