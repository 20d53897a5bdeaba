"""The document by which AWS's SDKs get keys, read by them unmodified."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from sidecar.aws.document import chosen, document
from sidecar.aws.keys import keys
from sidecar.errors import BadRequest, NotPermitted, ProviderUnknown, Refusal
from sidecar.oauth.provider import Provider
from tests import counterparts
from tests.aws.sigv4 import Received, verify
from tests.child import ROOT

NOW = 1795525200.0
KEYS = keys("ASIALENT123456789012", "lent/secret+key", "lent-token==", "2099-11-24T18:00:00Z")


def provider(name: str, *, hand_out: bool = True, type: str = "aws") -> Provider:  # noqa: A002 - the configuration's word
    return Provider(name, type, "agent", hand_out=hand_out)


def test_it_says_what_awss_sdks_look_for() -> None:
    assert document(KEYS, NOW) == {
        "AccessKeyId": "ASIALENT123456789012",
        "SecretAccessKey": "lent/secret+key",
        "Token": "lent-token==",
        "Expiration": "2099-11-24T18:00:00Z",
    }


def test_long_lived_keys_are_asked_for_again_after_an_hour() -> None:
    said = document(keys("AKIASTATIC1234567890", "static"), NOW)
    assert (said["Token"], said["Expiration"]) == ("", "2026-11-24T14:00:00Z")


@pytest.mark.parametrize("named", [None, "cloud"])
def test_the_one_provider_that_hands_out_is_meant(named: str | None) -> None:
    providers = [provider("other", hand_out=False), provider("cloud"), provider("model", type="api_key")]
    assert chosen(providers, named).name == "cloud"


def test_of_several_the_query_names_one() -> None:
    assert chosen([provider("one"), provider("two")], "two").name == "two"


@pytest.mark.parametrize(
    ("providers", "named", "kind"),
    [
        ([], None, NotPermitted),
        ([provider("cloud", hand_out=False)], None, NotPermitted),
        ([provider("cloud", hand_out=False), provider("other")], "cloud", NotPermitted),
        ([provider("model", type="api_key")], "model", ProviderUnknown),
        ([provider("cloud")], "another", ProviderUnknown),
        ([provider("one"), provider("two")], None, BadRequest),
        ([provider("cloud")], "", ProviderUnknown),
    ],
)
def test_where_none_is_meant_the_refusal_says_what_to_do(
    providers: list[Provider], named: str | None, kind: type[Refusal]
) -> None:
    with pytest.raises(kind):
        chosen(providers, named)


# Read by AWS's own clients


class Aws:
    """Lends keys as the sidecar does, and answers as STS where a request is signed with them."""

    def __init__(self) -> None:
        self.url = ""
        self.lent = 0
        self.names: list[str] = []

    @asynccontextmanager
    async def standing(self) -> AsyncIterator["Aws"]:
        app = web.Application()
        app.router.add_get("/v1/aws/credentials", self._lend)
        app.router.add_post("/", self._identity)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _lend(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "ag_the-agents-handle"
        self.lent += 1
        self.names.append(request.query["provider"])
        return web.json_response(document(KEYS, NOW))

    async def _identity(self, request: web.Request) -> web.Response:
        headers = [(name.decode(), value.decode()) for name, value in request.raw_headers]
        arrived = Received(request.method, request.raw_path, headers, await request.read(), tls=False)
        assert verify(arrived, KEYS.id, "lent/secret+key", "lent-token==") == ("eu-central-1", "sts")
        return web.Response(
            text='<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
            "<Arn>arn:aws:sts::123456789012:assumed-role/travel/travel-agent</Arn><UserId>AROA:travel-agent</UserId>"
            "<Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>",
            content_type="text/xml",
        )


BOTO3 = (
    "import boto3\nsts = boto3.client('sts')\nfor _ in range(3): identity = sts.get_caller_identity()\nprint(identity)"
)
NODE = """
import { STSClient, GetCallerIdentityCommand } from "@aws-sdk/client-sts";
const sts = new STSClient({});
for (let at = 0; at < 3; at++) console.log((await sts.send(new GetCallerIdentityCommand({}))).Arn);
"""


def clients(name: str) -> Sequence[str]:
    match name:
        case "boto3":
            return [str(counterparts.clients() / "python"), "-c", BOTO3]
        case "awscli":
            return [str(counterparts.clients() / "aws"), "sts", "get-caller-identity"]
        case _:
            return [counterparts.node("@aws-sdk/client-sts"), "--input-type=module", "--eval", NODE]


@pytest.mark.parametrize("name", ["boto3", "awscli", "javascript"])
async def test_an_unmodified_client_reads_it_and_signs_with_what_it_says(name: str, tmp_path: Path) -> None:
    argv = clients(name)
    token = tmp_path / "token"
    await asyncio.to_thread(token.write_text, "ag_the-agents-handle")
    async with Aws().standing() as aws:
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "AWS_REGION": "eu-central-1",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL_STS": aws.url,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{aws.url}/v1/aws/credentials?provider=cloud",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token),
        }
        done = await asyncio.to_thread(run, argv, environ)
        assert done.returncode == 0, done.stderr
        assert "assumed-role/travel/travel-agent" in done.stdout
        assert (aws.lent, aws.names) == (1, ["cloud"])


def run(argv: Sequence[str], environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    folder = ROOT / "tests" / "node"
    return subprocess.run(argv, env=environ, cwd=folder, capture_output=True, text=True, check=False, timeout=50)
