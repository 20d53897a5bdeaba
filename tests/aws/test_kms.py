import base64
import json
from collections.abc import Callable

import pytest

from sidecar.aws import kms, signing
from sidecar.aws.keys import keys
from sidecar.keyring.root import KeyUnusable
from sidecar.wire.http import Request, Response, Unreachable
from tests.idp import fetch

ARN = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
KEYS = keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
MAC = base64.b64encode(b"m" * 32).decode()


def clock() -> float:
    return 1_800_000_000.0


@pytest.fixture(autouse=True)
def _loaded() -> None:
    signing.load()


def test_a_mac_is_asked_for_where_the_arn_says_and_signed() -> None:
    asked = kms.request(f"awskms:{ARN}", {}, KEYS, clock)

    assert (asked.method, asked.url) == ("POST", "https://kms.eu-west-1.amazonaws.com/")
    assert json.loads(asked.body) == {
        "KeyId": ARN,
        "MacAlgorithm": "HMAC_SHA_256",
        "Message": base64.b64encode(b"agent-identity-sidecar state key 1").decode(),
    }
    assert asked.headers["X-Amz-Target"] == "TrentService.GenerateMac"
    assert "/eu-west-1/kms/aws4_request" in asked.headers["Authorization"]
    assert "x-amz-target" in asked.headers["Authorization"]


@pytest.mark.parametrize(
    ("text", "environ", "url"),
    [
        ("awskms:alias/sidecar", {"AWS_REGION": "eu-north-1"}, "https://kms.eu-north-1.amazonaws.com/"),
        ("awskms:1234abcd-12ab", {"AWS_DEFAULT_REGION": "cn-north-1"}, "https://kms.cn-north-1.amazonaws.com.cn/"),
        ("awskms:alias/a", {"AWS_REGION": "x-y-1", "AWS_ENDPOINT_URL_KMS": "https://k.example"}, "https://k.example/"),
        (f"awskms:{ARN}", {"AWS_REGION": "us-east-1"}, "https://kms.eu-west-1.amazonaws.com/"),
    ],
)
def test_where_kms_is(text: str, environ: dict[str, str], url: str) -> None:
    assert kms.request(text, environ, KEYS, clock).url == url


@pytest.mark.parametrize(
    ("text", "environ", "why"),
    [
        ("awskms:", {}, "names no key"),
        ("awskms:arn:aws:s3:::bucket", {}, "names no key"),
        ("awskms:alias/sidecar", {}, "region"),
        (f"awskms:{ARN}", {"AWS_ENDPOINT_URL_KMS": "http://elsewhere.example"}, "AWS_ENDPOINT_URL_KMS is neither"),
    ],
)
def test_what_can_not_be_asked_for(text: str, environ: dict[str, str], why: str) -> None:
    with pytest.raises(KeyUnusable, match=why):
        kms.request(text, environ, KEYS, clock)


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (400, b'{"__type": "AccessDeniedException", "message": "secret"}', "400, AccessDeniedException"),
        (400, b'{"__type": "com.amazonaws#NotFoundException"}', "400, NotFoundException"),
        (200, b"{}", "200, it can't be read"),
        (200, b'{"Mac": "no base64!"}', "200, it can't be read"),
        (200, b"[]", "can't be read"),
        (502, b"<html>secret", "502, it can't be read"),
        (400, b'{"__type": 7}', "400, it can't be read"),
    ],
)
def test_what_is_no_state_key_is_refused_without_the_answer(status: int, body: bytes, why: str) -> None:
    with pytest.raises(KeyUnusable, match=why) as raised:
        kms.read(Response(status, {}, body))
    assert "secret" not in str(raised.value)


def test_a_mac_of_another_length_is_no_state_key() -> None:
    with pytest.raises(KeyUnusable):
        kms.read(Response(200, {}, json.dumps({"Mac": base64.b64encode(b"short").decode()}).encode()))


async def test_kms_that_is_away_is_told() -> None:
    async def away(request: Request) -> Response:
        raise Unreachable("no route")

    with pytest.raises(KeyUnusable, match="can't be had of KMS: no route"):
        await kms.held(f"awskms:{ARN}", {}, KEYS, away, clock)


async def test_moto_gives_the_same_state_key_each_time_and_another_for_another_key(
    moto_url: str, kms_key: Callable[[str], str]
) -> None:
    environ = {"AWS_ENDPOINT_URL_KMS": moto_url}
    one, other = kms_key("HMAC_256"), kms_key("HMAC_256")
    roots = [await kms.held(f"awskms:{arn}", environ, KEYS, fetch(), clock) for arn in (one, one, other)]

    assert roots[0].derive("x") == roots[1].derive("x") != roots[2].derive("x")


async def test_moto_gives_none_of_a_key_for_encryption(moto_url: str, kms_key: Callable[[str], str]) -> None:
    with pytest.raises(KeyUnusable, match="HMAC_256"):
        await kms.held(
            f"awskms:{kms_key('SYMMETRIC_DEFAULT')}", {"AWS_ENDPOINT_URL_KMS": moto_url}, KEYS, fetch(), clock
        )


@pytest.fixture
def kms_key(moto_url: str) -> Callable[[str], str]:
    """Makes one of a spec; its ARN."""
    from botocore.session import get_session

    client = get_session().create_client(
        "kms",
        region_name="eu-west-1",
        endpoint_url=moto_url,
        aws_access_key_id=KEYS.id,
        aws_secret_access_key=KEYS.secret.reveal(),
    )

    def make(spec: str) -> str:
        usage = "GENERATE_VERIFY_MAC" if spec == "HMAC_256" else "ENCRYPT_DECRYPT"
        return str(client.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["Arn"])

    return make
