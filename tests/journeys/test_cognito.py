"""Tokens of Cognito, as moto plays it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.cognito import REGION, Cognito, Pool, cognito
from tests.journeys.given import configured
from tests.journeys.seen import claims_of, identity, key_of, refused, seen
from tests.running import sidecar


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cognito]:
    with cognito(tmp_path_factory.mktemp("cognito")) as running:
        yield running


def pool_entry(pool: Pool, **more: Any) -> dict[str, Any]:
    own = {"type": "cognito", "region": REGION, "user_pool_id": pool.id, "client_ids": [pool.client]}
    return {**own, "jwks_url": pool.jwks_url, **more}


async def test_cognitos_access_token_is_mapped_and_its_id_token_is_one_only_where_asked(
    aws: Cognito, fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    pool = await aws.pool()
    tokens = await aws.login(pool, "alice", "sales", "Domain Admins")
    subject = claims_of(tokens.access)["sub"]
    async with sidecar(configured(fastapi, {"pool": pool_entry(pool)}), tmp_path) as running:
        assert identity(await seen(client, running, tokens.access)) == {
            "principal": key_of(pool.issuer, "", subject),
            "subject": subject,
            "issuer": "pool",
            "kind": "user",
            "client": pool.client,
            "groups": "Domain%20Admins,sales",
            "scopes": "aws.cognito.signin.user.admin",
        }
        assert await refused(client, running, tokens.id) == "token_kind_invalid"
    async with sidecar(configured(fastapi, {"pool": pool_entry(pool, token_use="id")}), tmp_path) as running:
        found = identity(await seen(client, running, str(tokens.id)))
        assert (found["subject"], found["groups"]) == (subject, "Domain%20Admins,sales")
        assert await refused(client, running, tokens.access) == "token_kind_invalid"


async def test_another_client_of_the_pool_is_refused_and_so_is_another_pool(
    aws: Cognito, fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    pool, other = await aws.pool("one"), await aws.pool("two")
    stranger = await aws.login(other, "mallory")
    ours = await aws.login(pool, "alice")
    async with sidecar(configured(fastapi, {"pool": pool_entry(pool, client_ids=["another"])}), tmp_path) as running:
        assert await refused(client, running, ours.access) == "audience_invalid"
        assert await refused(client, running, stranger.access) == "issuer_unknown"
