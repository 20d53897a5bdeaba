import base64
import json
from collections.abc import Iterator

import pytest

from sidecar.keyring import transit
from sidecar.keyring.root import KeyUnusable
from sidecar.wire.http import Request, Response, Unreachable
from tests.bao import bao, told
from tests.idp import fetch

ENVIRON = {"VAULT_ADDR": "https://vault.example:8200/", "VAULT_TOKEN": "hvs.secret"}
HMAC = "vault:v1:" + base64.b64encode(b"m" * 32).decode()


def test_an_hmac_of_the_first_version_is_asked_for() -> None:
    asked, version = transit.request("vault:transit/sidecar", ENVIRON)

    assert (asked.method, asked.url) == ("POST", "https://vault.example:8200/v1/transit/hmac/sidecar/sha2-256")
    said = json.loads(asked.body)
    assert base64.b64decode(said["input"]) == b"agent-identity-sidecar state key 1"
    assert said["key_version"] == version == 1
    assert asked.headers["X-Vault-Token"] == "hvs.secret"
    assert "X-Vault-Namespace" not in asked.headers
    assert "hvs" not in repr(asked)


def test_mount_version_and_namespace_are_as_they_are_given() -> None:
    asked, version = transit.request("vault:team/transit/sidecar?version=3", {**ENVIRON, "VAULT_NAMESPACE": "acme"})

    assert asked.url.endswith("/v1/team/transit/hmac/sidecar/sha2-256")
    assert (version, json.loads(asked.body)["key_version"]) == (3, 3)
    assert asked.headers["X-Vault-Namespace"] == "acme"


@pytest.mark.parametrize(
    ("text", "environ", "why"),
    [
        ("vault:transit", ENVIRON, "names no key"),
        ("vault:transit/..%2Fsys", ENVIRON, "names no key"),
        ("vault:transit/../sys/seal", ENVIRON, "names no key"),
        ("vault:transit/a?version=0", ENVIRON, "names no key"),
        ("vault:transit/a b", ENVIRON, "names no key"),
        ("vault:transit/a", {}, "VAULT_ADDR"),
        ("vault:transit/a", {"VAULT_ADDR": "https://v.example"}, "VAULT_TOKEN"),
        ("vault:transit/a", {"VAULT_ADDR": "http://v.example", "VAULT_TOKEN": "x"}, "neither https"),
    ],
)
def test_what_can_not_be_asked_for(text: str, environ: dict[str, str], why: str) -> None:
    with pytest.raises(KeyUnusable, match=why):
        transit.request(text, environ)


def test_the_hmac_is_the_state_key() -> None:
    root = transit.read(Response(200, {}, json.dumps({"data": {"hmac": HMAC}}).encode()), 1)

    assert len(root.derive("x")) == 32


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (403, b'{"errors": ["secret"]}', "403 .the token may not"),
        (404, b"", "404 .there is no such key"),
        (500, b"", "500"),
        (200, b"secret", "no HMAC"),
        (200, b"[]", "no HMAC"),
        (200, b'{"data": {"hmac": 5}}', "no HMAC"),
        (200, json.dumps({"data": {"hmac": HMAC.replace("v1", "v2")}}).encode(), "of the version"),
        (200, json.dumps({"data": {"hmac": HMAC[:-4]}}).encode(), "no HMAC"),
    ],
)
def test_what_is_no_state_key_is_refused_without_the_answer(status: int, body: bytes, why: str) -> None:
    with pytest.raises(KeyUnusable, match=why) as raised:
        transit.read(Response(status, {}, body), 1)
    assert "secret" not in str(raised.value)


async def test_a_vault_that_is_away_is_told() -> None:
    async def away(request: Request) -> Response:
        raise Unreachable("refused")

    with pytest.raises(KeyUnusable, match=r"can't be had of https://vault\.example:8200/: refused"):
        await transit.held("vault:transit/sidecar", ENVIRON, away)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with bao(tmp_path_factory.mktemp("bao")) as url:
        yield url


async def test_openbao_gives_the_same_state_key_each_time_whatever_is_rotated(url: str) -> None:
    real, environ = fetch(), {"VAULT_ADDR": url, "VAULT_TOKEN": "root"}

    assert await told(url, "sys/mounts/transit", type="transit") == 204
    for name in ("sidecar", "other"):
        assert await told(url, f"transit/keys/{name}") == 200
    first = await transit.held("vault:transit/sidecar", environ, real)
    assert await told(url, "transit/keys/sidecar/rotate") == 200
    again = await transit.held("vault:transit/sidecar", environ, real)
    newer = await transit.held("vault:transit/sidecar?version=2", environ, real)
    other = await transit.held("vault:transit/other", environ, real)

    assert first.derive("x") == again.derive("x")
    assert len({root.derive("x") for root in (first, newer, other)}) == 3
    with pytest.raises(KeyUnusable):
        await transit.held("vault:transit/none", environ, real)
    with pytest.raises(KeyUnusable, match="the token may not"):
        await transit.held("vault:transit/sidecar", {**environ, "VAULT_TOKEN": "wrong"}, real)
