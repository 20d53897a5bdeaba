"""An agent's calls of AWS, by AWS's own client and by others: signed on the way, in a session of whoever is behind."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from tests import counterparts
from tests.aws.cloud import BUCKET, HOSTS, QUEUES, REGION, STORAGE, STS, Cloud
from tests.aws.moto import moto
from tests.child import ROOT
from tests.journeys.given import given
from tests.journeys.issuer import Issuer
from tests.journeys.seen import key_of, seen
from tests.running import Running, sidecar
from tests.world import World

ROLE = "arn:aws:iam::123456789012:role/travel"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ0cmF2ZWwifQ.c2lnbmF0dXJl"
PLACEHOLDERS = {"AWS_ACCESS_KEY_ID": "placeholder", "AWS_SECRET_ACCESS_KEY": "placeholder", "AWS_REGION": REGION}


@dataclass(frozen=True, slots=True)
class Stage:
    cloud: Cloud
    running: Running
    egress: str
    folder: Path

    def variables(self, handle: str) -> dict[str, str]:
        """What an agent's process needs to call for the invocation of *handle*."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "HTTPS_PROXY": self.egress.replace("http://", f"http://{handle}:x@"),
            "NO_PROXY": "127.0.0.1",
            "AWS_CA_BUNDLE": str(self.running.state.parent / "run" / "ca-bundle.pem"),
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            **PLACEHOLDERS,
        }


def configured(issuer: Issuer, agent: str, world: World, **provider: Any) -> dict[str, Any]:
    hosts = {"bucket": BUCKET, "queues": QUEUES, "storage": STORAGE, "identity": STS}
    routes = {name: {"url": world.url(host), "provider": "cloud", "private": True} for name, host in hosts.items()}
    return given(
        issuer,
        agent,
        providers={"cloud": {"type": "aws", "role_arn": ROLE, "source": "web_identity", "hand_out": True, **provider}},
        egress={"routes": routes},
        capabilities={
            "all": {"who": "any", "routes": [*routes]},
            "own": {"who": "agent", "provider": "cloud", "routes": [*routes]},
        },
        invocation={"linger": "10m"},
        **world.configured,
    )


@pytest.fixture
async def stage(issuer: Issuer, fastapi: str, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    token = tmp_path / "token"
    await asyncio.to_thread(token.write_text, JWT)
    environ = {"AWS_WEB_IDENTITY_TOKEN_FILE": str(token), "AWS_REGION": REGION}
    async with World(HOSTS) as world:
        cloud = Cloud(world)
        given = configured(issuer, fastapi, world, **getattr(request, "param", {}))
        async with sidecar(given, tmp_path, env=environ) as running:
            yield Stage(cloud, running, await asyncio.to_thread(running.listener, "egress"), tmp_path)


async def handle(client: aiohttp.ClientSession, stage: Stage, issuer: Issuer, subject: str) -> str:
    return (await seen(client, stage.running, issuer.token(subject)))["x-identity-invocation"]


BOTO3 = """
import boto3
from botocore.config import Config
once = Config(retries={"total_max_attempts": 1})
s3 = boto3.client("s3", config=once)
s3.list_objects_v2(Bucket="bucket", Prefix="a b/ü+", Delimiter="/")
s3.put_object(Bucket="bucket", Key="reports/a b+c (1)~*'!.txt", Body=b"data" * 1000, Metadata={"who": "alice"})
s3.put_object(Bucket="bucket", Key="stream", Body=open("/dev/zero", "rb").read(3_000_000))
print(boto3.client("sqs", config=once).list_queues(QueueNamePrefix="a")["ResponseMetadata"]["HTTPStatusCode"])
print(boto3.client("sts", config=once).get_caller_identity()["Arn"])
"""


async def python(program: str, variables: Mapping[str, str]) -> str:
    argv = [str(counterparts.clients() / "python"), "-c", program]
    return await finished(argv, variables)


async def finished(argv: list[str], variables: Mapping[str, str]) -> str:
    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(argv, env=variables, cwd=ROOT, capture_output=True, text=True, check=False, timeout=50)

    done = await asyncio.to_thread(run)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_boto3_calls_for_a_user_in_a_session_of_theirs(
    client: aiohttp.ClientSession, stage: Stage, issuer: Issuer
) -> None:
    out = await python(BOTO3, stage.variables(await handle(client, stage, issuer, "alice")))
    cloud = stage.cloud
    assert not cloud.refused
    (call,) = cloud.calls
    principal, _, invocation = call["RoleSessionName"].partition(".")
    assert principal == key_of(issuer.url, "", "alice")
    assert call["WebIdentityToken"] == JWT
    assert {name for name, _, _ in cloud.taken} == {call["RoleSessionName"]}
    assert [scope.partition("/")[2] for _, scope, _ in cloud.taken] == ["s3", "s3", "s3", "sqs", "sts"]
    assert out.splitlines() == ["200", f"arn:aws:sts::1:assumed-role/{call['RoleSessionName']}"]
    put = cloud.taken[1][2]
    assert put.target == "/reports/a%20b%2Bc%20%281%29~%2A%27%21.txt"
    assert put.values("x-amz-content-sha256") == ["STREAMING-UNSIGNED-PAYLOAD-TRAILER"]
    event = await stage.running.event(lambda event: event["name"] == "identity.token_refreshed")
    assert event["attributes"]["identity.invocation.id"] == invocation
    assert event["attributes"]["identity.principal.issuer"] == "shop"


@pytest.mark.parametrize("stage", [{"session_tags": True}], indirect=True)
async def test_with_tags_aws_is_told_in_parts_who_is_behind(
    client: aiohttp.ClientSession, stage: Stage, issuer: Issuer
) -> None:
    handles = [await handle(client, stage, issuer, subject) for subject in ("alice", "bob")]
    for each in handles:
        answer = await client.get(f"{stage.egress}/to/bucket/?list-type=2", headers={"X-Identity-Invocation": each})
        assert answer.status == 200, await answer.text()
    own, alices, bobs = stage.cloud.calls
    assert (own["Action"], own["RoleSessionName"]) == ("AssumeRoleWithWebIdentity", "travel-agent")
    for call, subject in ((alices, "alice"), (bobs, "bob")):
        tags = {call[f"Tags.member.{at}.Key"]: call[f"Tags.member.{at}.Value"] for at in range(1, 6)}
        principal, _, invocation = call["RoleSessionName"].partition(".")
        assert principal == key_of(issuer.url, "", subject)
        assert tags == {
            "identity.agent": "travel-agent",
            "identity.principal": principal,
            "identity.invocation": invocation,
            "identity.kind": "user",
            "identity.issuer": "shop",
        }


async def test_any_client_is_signed_for_by_a_base_url(
    client: aiohttp.ClientSession, stage: Stage, issuer: Issuer
) -> None:
    """Neither needs to know of AWS: the host says region and service."""
    headers = {"X-Identity-Invocation": await handle(client, stage, issuer, "alice")}
    paths = ["/to/bucket/?prefix=a/b&x=1+2&list-type=2", "/to/bucket/a%2Fb//c/(1)", "/to/queues/?Action=ListQueues"]
    for path in paths:
        async with client.get(URL(stage.egress + path, encoded=True), headers=headers) as answer:
            assert answer.status == 200, await answer.text()
    async with client.post(f"{stage.egress}/to/queues/", data=b"x" * 100_000, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
    async with client.put(
        f"{stage.egress}/to/bucket/large", data=BytesIO(b"x" * 20_000_000), headers=headers
    ) as answer:
        assert answer.status == 200, await answer.text()
    assert not stage.cloud.refused
    assert stage.cloud.taken[-1][2].values("x-amz-content-sha256") == ["UNSIGNED-PAYLOAD"]


async def test_a_handle_may_be_the_placeholder_key_itself(
    client: aiohttp.ClientSession, stage: Stage, issuer: Issuer
) -> None:
    """The host says nothing, so that region and service come of the placeholder's signature."""
    alices = await handle(client, stage, issuer, "alice")
    scope = f"20261124/{REGION}/s3/aws4_request"
    signed = f"AWS4-HMAC-SHA256 Credential={alices}/{scope}, SignedHeaders=host;x-amz-date, Signature={'0' * 64}"
    headers = {"Authorization": signed, "X-Amz-Date": "20261124T000000Z", "X-Amz-Security-Token": "placeholder"}
    async with client.get(f"{stage.egress}/to/storage/key", headers=headers) as answer:
        assert answer.status == 200, await answer.text()
    ((name, scope, request),) = stage.cloud.taken
    assert name.startswith(key_of(issuer.url, "", "alice"))
    assert scope == f"{REGION}/s3"
    assert alices not in str(request)
    assert "placeholder" not in str(request)


async def test_what_cannot_be_signed_is_refused_with_what_to_do(
    client: aiohttp.ClientSession, stage: Stage, issuer: Issuer
) -> None:
    headers = {"X-Identity-Invocation": await handle(client, stage, issuer, "alice")}
    streamed = {"X-Amz-Content-Sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", **headers}
    presigned = "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00"
    for answer in (
        await client.put(f"{stage.egress}/to/bucket/key", data=b"data", headers=streamed),
        await client.get(f"{stage.egress}/to/bucket/key{presigned}", headers=headers),
        await client.get(f"{stage.egress}/to/storage/key", headers=headers),
    ):
        assert (answer.status, answer.headers["Sidecar-Error"]) == (400, "bad_request")
        assert (await answer.json())["title"] == "The request can't be signed for AWS as it is."
    assert not [request for request in stage.cloud.world.requests if request.host != STS]


async def test_the_agents_own_keys_are_handed_out_and_its_own_calls_are_signed_as_itself(stage: Stage) -> None:
    run = stage.running.state.parent / "run"
    handle = await asyncio.to_thread((run / "token").read_text)
    lent = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{stage.egress}/v1/aws/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(run / "token"),
    }
    own = {name: value for name, value in stage.variables(handle).items() if name not in PLACEHOLDERS}
    out = await python("import boto3; print(boto3.Session().get_credentials().get_frozen_credentials())", own | lent)
    assert "access_key='ASIASESSION0000000001'" in out
    out = await finished([str(counterparts.clients() / "aws"), "sts", "get-caller-identity"], own | lent)
    assert "assumed-role/travel-agent" in out
    assert {call["RoleSessionName"] for call in stage.cloud.calls} == {"travel-agent"}
    events = await stage.running.event(lambda event: event["name"] == "identity.token_vended")
    assert events["attributes"]["identity.provider"] == "cloud"


async def test_a_reload_that_changes_the_provider_begins_new_sessions(
    client: aiohttp.ClientSession, stage: Stage, issuer: Issuer, fastapi: str
) -> None:
    headers = {"X-Identity-Invocation": await handle(client, stage, issuer, "alice")}
    roles = [ROLE, f"{ROLE}-2"]
    for role in roles:
        stage.running.write(configured(issuer, fastapi, stage.cloud.world, role_arn=role))
        stage.running.reload()
        await stage.running.said("read again: taken" if role != ROLE else "nothing has changed")
        for _ in range(3):
            async with client.get(f"{stage.egress}/to/bucket/", headers=headers) as answer:
                assert answer.status == 200, await answer.text()
    assert [call["RoleArn"] for call in stage.cloud.calls] == roles


THROUGH_MOTO = """
import boto3, os
s3 = boto3.client("s3", endpoint_url=os.environ["BASE"])
s3.create_bucket(Bucket="travel", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
s3.put_object(Bucket="travel", Key="a b/c+d", Body=b"data" * 1000)
assert s3.get_object(Bucket="travel", Key="a b/c+d")["Body"].read() == b"data" * 1000
print([each["Key"] for each in s3.list_objects_v2(Bucket="travel", Prefix="a b/")["Contents"]])
"""


async def test_boto3_and_the_aws_cli_work_with_moto_through_the_signer(
    client: aiohttp.ClientSession, issuer: Issuer, fastapi: str, tmp_path: Path
) -> None:
    with moto(tmp_path) as url:
        whole = given(
            issuer,
            fastapi,
            providers={"cloud": {"type": "aws", "role_arn": ROLE, "source": "assume_role", "session_tags": True}},
            egress={"routes": {"moto": {"url": url, "provider": "cloud", "private": True}}},
            capabilities={"all": {"who": "any", "routes": ["moto"]}},
            invocation={"linger": "10m"},
        )
        keys = {"AWS_ACCESS_KEY_ID": "AKIASTATIC1234567890", "AWS_SECRET_ACCESS_KEY": "static"}
        environ = {**keys, "AWS_REGION": REGION, "AWS_ENDPOINT_URL_STS": url}
        async with sidecar(whole, tmp_path, env=environ) as running:
            alices = (await seen(client, running, issuer.token("alice")))["x-identity-invocation"]
            base = f"{await asyncio.to_thread(running.listener, 'egress')}/to/moto"
            # With a base URL there is no proxy to carry the handle: the placeholder key does.
            variables = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **PLACEHOLDERS, "BASE": base}
            variables |= {"AWS_ACCESS_KEY_ID": alices, "AWS_DEFAULT_REGION": REGION}
            assert await python(THROUGH_MOTO, variables) == "['a b/c+d']\n"
            command = [str(counterparts.clients() / "aws"), "--endpoint-url", base, "s3", "cp"]
            file = tmp_path / "large"
            await asyncio.to_thread(file.write_bytes, b"x" * 9_000_000)
            await finished([*command, str(file), "s3://travel/large"], variables)
            await finished([*command, "s3://travel/large", str(tmp_path / "back")], variables)
            assert await asyncio.to_thread((tmp_path / "back").read_bytes) == b"x" * 9_000_000
