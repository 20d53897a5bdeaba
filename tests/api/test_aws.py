"""The agent's own identity at AWS, as its SDKs fetch it."""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import NoReturn

import pytest

from sidecar.aws import Aws
from sidecar.oauth.surroundings import Surroundings
from sidecar.policy.capability import Capability, Who
from sidecar.wire.http import Request, Response, Unreachable
from tests.api.around import AGENT, Around, provider, serving

READ = ("GET", "/v1/aws/credentials")
ENVIRON = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "the-secret",
    "AWS_SESSION_TOKEN": "the-session",
}
BARE = {"Authorization": AGENT.decode()}


async def nowhere(request: Request) -> Response:
    raise Unreachable("no network here")


@pytest.fixture
async def around() -> AsyncIterator[Around]:
    async with serving() as around, asyncio.TaskGroup() as tasks:
        world = Surroundings(
            fetch=nowhere, clock=around.clock.epoch, random=os.urandom, tasks=tasks, signer=_none, agent="travel-agent"
        )
        cloud = provider("cloud", "aws", source="ambient")
        around.having(cloud, source=Aws(cloud, world, ENVIRON))
        around.allowing(cloud=Capability("cloud", Who(principal=False), provider="cloud"))
        yield around


def _none() -> NoReturn:
    raise AssertionError("nothing is signed")


async def test_the_agents_handle_gets_them_bare_as_sdks_send_it_or_with_a_scheme(around: Around) -> None:
    for headers in (BARE, {"Authorization": f"Bearer {AGENT.decode()}"}):
        said = await around.ask(*READ, headers=headers)
        document = said.json()
        assert document.keys() == {"AccessKeyId", "SecretAccessKey", "Token", "Expiration"}
        assert (document["AccessKeyId"], document["SecretAccessKey"]) == (ENVIRON["AWS_ACCESS_KEY_ID"], "the-secret")
        assert said.headers["cache-control"] == "no-store"
    vended = [event for event in around.journal.events if event["name"] == "identity.token_vended"]
    assert [event["attributes"]["identity.provider"] for event in vended] == ["cloud", "cloud"]
    assert vended[0]["attributes"]["identity.capability"] == "cloud"
    assert "the-secret" not in str(around.journal)


async def test_an_invocation_has_none_of_them(around: Around) -> None:
    _, handle = around.open()
    for headers in ({"Authorization": handle}, {"Authorization": f"Bearer {handle}"}):
        said = await around.ask(*READ, headers=headers)
        assert said.refused() == (403, "not_permitted")
        assert "agent handle" in said.problem()["detail"]


async def test_nobody_has_none_of_them(around: Around) -> None:
    assert (await around.ask(*READ)).refused() == (401, "invocation_missing")
    assert (await around.ask(*READ, headers={"Authorization": "ag_guess"})).refused() == (401, "invocation_invalid")


async def test_it_takes_a_capability_and_hand_out(around: Around) -> None:
    around.allowing()
    assert (await around.ask(*READ, headers=BARE)).refused() == (403, "not_permitted")
    assert around.journal.events[-1]["name"] == "identity.egress_denied"
    around.having(provider("cloud", "aws", hand_out=False))
    assert (await around.ask(*READ, headers=BARE)).refused() == (403, "not_permitted")


async def test_of_several_providers_one_is_named(around: Around) -> None:
    around.having(provider("other", "aws"))
    path = READ[1]
    assert (await around.ask("GET", path, headers=BARE)).refused() == (400, "bad_request")
    assert (await around.ask("GET", f"{path}?provider=cloud", headers=BARE)).status == 200
    assert (await around.ask("GET", f"{path}?provider=nobody", headers=BARE)).refused() == (404, "provider_unknown")
    assert (await around.ask("GET", f"{path}?provider=a&provider=b", headers=BARE)).refused() == (400, "bad_request")
