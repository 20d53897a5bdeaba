"""Tokens in the forms of Okta, Auth0 and Entra ID, from their real host names, over TLS with a CA of one's own."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from jwt.utils import base64url_encode

from tests.journeys.given import bearer, configured
from tests.journeys.seen import claims_of, identity, key_of, refused, seen
from tests.oidc_provider import HOSTS, SHAPES, TENANTS, OidcProvider, oidc_provider
from tests.running import Running, serving, sidecar


@pytest.fixture(scope="module")
def vendors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcProvider]:
    with oidc_provider(tmp_path_factory.mktemp("vendors"), tuple(SHAPES)) as running:
        yield running


API = "7247e100-0000-4000-8000-000000000003"
"""The API's client id, which Entra's v2 tokens name."""
ENTRIES: dict[str, dict[str, Any]] = {
    "okta": {"type": "okta", "domain": HOSTS[0], "audience": "api://travel"},
    "auth0": {
        "type": "auth0",
        "domain": HOSTS[1],
        "audience": "https://travel.example/",
        "claims": {"roles": "https://travel.example/roles", "groups": "https://travel.example/groups"},
    },
    "entra": {"type": "entra", "tenant": TENANTS[0], "audience": [API, "api://travel"]},
}


@pytest.fixture(scope="module")
def abroad(fastapi: str, vendors: OidcProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A sidecar that trusts all three, over TLS with a CA of the company's own."""
    with serving(configured(fastapi, ENTRIES, **vendors.reached), tmp_path_factory.mktemp("abroad")) as running:
        yield running


ALICE, APP = "a11ce000-0000-4000-8000-000000000001", "a9900000-0000-4000-8000-000000000005"
ENTRA_V2, ENTRA_V1 = SHAPES["entra"], SHAPES["entra-v1"]
USERS: dict[str, dict[str, str]] = {
    "okta": {
        "principal": key_of(SHAPES["okta"].issuer, "", "00ualice"),
        "subject": "00ualice",
        "issuer": "okta",
        "kind": "user",
        "client": "0oaweb",
        "groups": "Domain%20Admins,sales",
        "scopes": "calendar.read",
    },
    "auth0": {
        "principal": key_of(SHAPES["auth0"].issuer, "", "auth0|alice"),
        "subject": "auth0|alice",
        "issuer": "auth0",
        "kind": "user",
        "client": "aUtH0web",
        "groups": "Domain%20Admins,sales",
        "roles": "traveller",
        "scopes": "book:travel,calendar.read,openid,read:calendar",
    },
    "entra": {
        "principal": key_of(ENTRA_V2.issuer, TENANTS[0], ALICE),
        "subject": ALICE,
        "issuer": "entra",
        "kind": "user",
        "tenant": TENANTS[0],
        "client": ENTRA_V2.web,
        "name": "Alice%20Liddell",
        "groups": "Domain%20Admins,sales",
        "scopes": "calendar.read",
    },
}
SERVICES: dict[str, dict[str, str]] = {
    "okta": {
        "principal": key_of(SHAPES["okta"].issuer, "", "0oaservice"),
        "subject": "0oaservice",
        "issuer": "okta",
        "kind": "service",
        "client": "0oaservice",
        "scopes": "calendar.read",
    },
    "auth0": {
        "principal": key_of(SHAPES["auth0"].issuer, "", "aUtH0service@clients"),
        "subject": "aUtH0service@clients",
        "issuer": "auth0",
        "kind": "service",
        "client": "aUtH0service",
        "scopes": "calendar.read,read:calendar",
    },
    "entra": {
        "principal": key_of(ENTRA_V2.issuer, TENANTS[0], APP),
        "subject": APP,
        "issuer": "entra",
        "kind": "service",
        "tenant": TENANTS[0],
        "client": ENTRA_V2.service,
        "roles": "Travel.Read.All",
    },
}
# One user, one application: the same principal whichever version of token the API asked for.
USERS["entra-v1"], SERVICES["entra-v1"] = USERS["entra"], SERVICES["entra"]


@pytest.mark.parametrize("form", sorted(SHAPES))
async def test_a_vendors_user_is_mapped(
    vendors: OidcProvider, abroad: Running, client: aiohttp.ClientSession, form: str
) -> None:
    tokens = await vendors.login(SHAPES[form], "alice")
    assert identity(await seen(client, abroad, tokens.access)) == USERS[form]
    assert await refused(client, abroad, tokens.id) in ("audience_invalid", "token_kind_invalid")


@pytest.mark.parametrize("form", sorted(SHAPES))
async def test_a_vendors_service_is_mapped(
    vendors: OidcProvider, abroad: Running, client: aiohttp.ClientSession, form: str
) -> None:
    tokens = await vendors.service(SHAPES[form])
    assert identity(await seen(client, abroad, tokens.access)) == SERVICES[form]


async def test_auth0s_other_dialect_is_read_too(
    vendors: OidcProvider, abroad: Running, client: aiohttp.ClientSession
) -> None:
    tokens = await vendors.service(SHAPES["auth0"], client="aUtH0service9068")
    found = identity(await seen(client, abroad, tokens.access))
    assert (found["kind"], found["client"]) == ("service", "aUtH0service9068")


async def test_groups_that_entra_holds_back_are_unknown_and_not_none(
    vendors: OidcProvider, fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    tokens = await vendors.login(ENTRA_V2, "carol")
    assert "_claim_names" in claims_of(tokens.access)
    nobody_from_sales = {"inbound": {"who": {"not": {"groups": ["sales"]}}}}
    async with (
        sidecar(configured(fastapi, ENTRIES, **vendors.reached, **nobody_from_sales), tmp_path) as running,
        client.get(running.url + "/echo", headers=bearer(tokens.access)) as response,
    ):
        assert response.status == 403, "who isn't known not to be in a group isn't taken for it"
    async with sidecar(configured(fastapi, ENTRIES, **vendors.reached), tmp_path) as running:
        found = identity(await seen(client, running, tokens.access))
    assert "groups" not in found
    assert found["groups-unknown"] == "true"


async def test_of_all_organizations_only_the_tenants_that_are_named_come_in(
    vendors: OidcProvider, fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    alice, dora = [(await vendors.login(ENTRA_V2, person)).access for person in ("alice", "dora")]
    assert claims_of(dora)["tid"] == TENANTS[1]
    audience = [API, "api://travel"]
    for tenants in (list(TENANTS), [TENANTS[0]]):
        staff = {"type": "entra", "tenant": "organizations", "tenants": tenants, "audience": audience}
        async with sidecar(configured(fastapi, {"staff": staff}, **vendors.reached), tmp_path) as running:
            assert identity(await seen(client, running, alice))["tenant"] == TENANTS[0]
            if TENANTS[1] in tenants:
                assert identity(await seen(client, running, dora))["tenant"] == TENANTS[1]
            else:
                assert await refused(client, running, dora) == "issuer_unknown"


async def test_one_vendors_key_signs_for_no_other(
    vendors: OidcProvider, abroad: Running, client: aiohttp.ClientSession
) -> None:
    """A token of one issuer that says it is another's."""
    tokens = await vendors.service(SHAPES["okta"])
    header, _, signature = tokens.access.split(".")
    claims = {**claims_of(tokens.access), "iss": SHAPES["auth0"].issuer}
    payload = base64url_encode(json.dumps(claims).encode()).decode()
    assert await refused(client, abroad, f"{header}.{payload}.{signature}") == "signature_invalid"


async def test_without_the_companys_ca_no_key_is_believed(
    vendors: OidcProvider, fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    shape = SHAPES["okta"]
    token = (await vendors.service(shape)).access
    entries = {"okta": ENTRIES["okta"]}
    async with (
        sidecar(configured(fastapi, entries, resolve=vendors.reached["resolve"]), tmp_path) as running,
        client.get(running.url + "/echo", headers=bearer(token)) as response,
    ):
        assert response.status == 503
        assert response.headers["Sidecar-Error"] == "issuer_unreachable"
