"""The state key from wherever a configuration says that it is, with real key services."""

import base64
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from sidecar.assembly.state_key import state_key, variables
from sidecar.keyring.root import KeyUnusable
from sidecar.secret import Secret
from sidecar.settings import Settings, load
from tests.aws.moto import moto
from tests.bao import bao, told
from tests.journeys.given import given
from tests.journeys.issuer import Issuer
from tests.running import sidecar

Read = Callable[[str | None], Settings]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(key: str | None) -> Settings:
        state = {"dir": str(tmp_path / "state")}
        given = {"agent": {"name": "travel", "url": "http://127.0.0.1:1"}, "state": state}
        (tmp_path / "sidecar.yaml").write_text(yaml.safe_dump(given))
        settings = load(tmp_path / "sidecar.yaml", {})
        return replace(settings, state=settings.state._replace(key=Secret(key) if key else None))

    return read


@pytest.fixture(scope="module")
def bao_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with bao(tmp_path_factory.mktemp("bao")) as url:
        yield url


@pytest.fixture(scope="module")
def moto_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with moto(tmp_path_factory.mktemp("moto")) as url:
        yield url


async def test_one_is_made_where_none_is_given(read: Read, tmp_path: Path) -> None:
    first = await state_key(read(None), {})

    assert stat.S_IMODE((tmp_path / "state" / "key").stat().st_mode) == 0o600
    assert (await state_key(read(None), {})).derive("x") == first.derive("x")


async def test_one_is_given(read: Read) -> None:
    key = base64.b64encode(b"k" * 32).decode()

    assert (await state_key(read(key), {})).derive("x") == (await state_key(read(key), {})).derive("x")


async def test_openbao_holds_it(read: Read, bao_url: str, tmp_path: Path) -> None:
    await told(bao_url, "sys/mounts/transit", type="transit")
    await told(bao_url, "transit/keys/sidecar")
    settings, environ = read("vault:transit/sidecar"), {"VAULT_ADDR": bao_url, "VAULT_TOKEN": "root"}

    assert (await state_key(settings, environ)).derive("x") == (await state_key(settings, environ)).derive("x")
    assert not (tmp_path / "state" / "key").exists()


async def test_a_sidecar_starts_with_a_key_that_openbao_holds_and_not_without(
    bao_url: str, issuer: Issuer, tmp_path: Path
) -> None:
    await told(bao_url, "sys/mounts/team", type="transit")
    await told(bao_url, "team/keys/fleet")
    configured = given(issuer, "http://127.0.0.1:1", state={"key": "vault:team/fleet"})
    env = {"VAULT_ADDR": bao_url, "VAULT_TOKEN": "root"}
    async with sidecar(configured, tmp_path, env=env) as running:
        assert (running.state / "ca.sealed").exists()
        assert not (running.state / "key").exists()
        running.stop()
        await running.again()  # and opens the CA that it sealed
        running.stop()
        running.env = {**env, "VAULT_TOKEN": "wrong"}
        running._child = running._start()
        assert await running.ended() == 1
        assert "Vault gives no state key: it answers 403" in running.stderr
        assert "Traceback" not in running.stderr


@pytest.mark.parametrize(
    ("key", "kept_back"),
    [
        (None, set()),
        (base64.b64encode(b"k" * 32).decode(), set()),
        ("vault:transit/sidecar", {"VAULT_TOKEN"}),
        ("awskms:alias/sidecar", {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_WEB_IDENTITY_TOKEN_FILE"}),
    ],
)
def test_an_agent_that_is_a_child_cannot_ask_the_key_service(read: Read, key: str | None, kept_back: set[str]) -> None:
    found = variables(read(key))
    assert found >= kept_back
    assert bool(found) == bool(kept_back)


async def test_kms_holds_it(read: Read, moto_url: str) -> None:
    from botocore.session import get_session

    lent = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-west-1"}
    client = get_session().create_client(
        "kms",
        region_name="eu-west-1",
        endpoint_url=moto_url,
        aws_access_key_id=lent["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=lent["AWS_SECRET_ACCESS_KEY"],
    )
    made = client.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
    client.create_alias(AliasName="alias/sidecar", TargetKeyId=made["KeyMetadata"]["KeyId"])
    environ = {**lent, "AWS_ENDPOINT_URL_KMS": moto_url}
    by_alias = await state_key(read("awskms:alias/sidecar"), environ)
    by_arn = await state_key(read(f"awskms:{made['KeyMetadata']['Arn']}"), environ)

    assert by_alias.derive("x") == by_arn.derive("x")


async def test_kms_without_an_identity_is_told(read: Read) -> None:
    environ = {"AWS_REGION": "eu-west-1", "AWS_EC2_METADATA_DISABLED": "true"}

    with pytest.raises(KeyUnusable, match="no identity at AWS"):
        await state_key(read("awskms:alias/sidecar"), environ)
