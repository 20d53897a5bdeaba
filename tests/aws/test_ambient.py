"""The sidecar's own identity at AWS, where AWS's SDKs look for it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sidecar.aws.ambient import Ambient
from sidecar.aws.keys import Keys, keys
from sidecar.errors import ProviderRefused, ProviderUnreachable
from tests.aws.lenders import LENT, Lender
from tests.idp import fetch

BY_TOKEN = keys("ASIABYTOKEN123456789", "by-token")
OF_PROFILE = keys("ASIAPROFILE123456789", "of-profile")
STATIC = {"AWS_ACCESS_KEY_ID": "AKIASTATIC1234567890", "AWS_SECRET_ACCESS_KEY": "static-secret"}
NOWHERE = {"AWS_EC2_METADATA_DISABLED": "true"}


def ambient(environ: Mapping[str, str], asked: list[Any] | None = None, profile: Keys | None = OF_PROFILE) -> Ambient:
    async def with_web_identity(role_arn: str, session: str, token: str) -> Keys:
        if asked is not None:
            asked.append((role_arn, session, token))
        return BY_TOKEN

    return Ambient(
        environ, fetch(), with_web_identity=with_web_identity, profile=lambda: profile, session="travel-agent"
    )


def token_file(folder: Path, text: str = "a.b.c\n") -> str:
    file = folder / "token"
    file.write_text(text)
    return str(file)


async def test_keys_of_the_environment_come_first(tmp_path: Path) -> None:
    environ = {**STATIC, "AWS_SESSION_TOKEN": "t", "AWS_WEB_IDENTITY_TOKEN_FILE": token_file(tmp_path)}
    found = await ambient({**environ, "AWS_ROLE_ARN": "arn", "AWS_PROFILE": "x"}).keys()
    assert (found.id, found.secret.reveal(), found.expires) == ("AKIASTATIC1234567890", "static-secret", None)
    assert found.token is not None
    assert found.token.reveal() == "t"


@pytest.mark.parametrize(
    "environ", [{"AWS_ACCESS_KEY_ID": STATIC["AWS_ACCESS_KEY_ID"]}, {**STATIC, "AWS_ACCESS_KEY_ID": "no"}]
)
async def test_half_of_them_are_refused(environ: dict[str, str]) -> None:
    with pytest.raises(ProviderRefused) as refused:
        await ambient(environ).keys()
    assert refused.value.detail == "Set both, or neither."
    assert "static-secret" not in refused.value.reason


async def test_then_a_service_accounts_role(tmp_path: Path) -> None:
    asked: list[Any] = []
    environ = {"AWS_WEB_IDENTITY_TOKEN_FILE": token_file(tmp_path), "AWS_ROLE_ARN": "arn:role", "AWS_PROFILE": "x"}
    assert await ambient(environ, asked).keys() is BY_TOKEN
    assert asked == [("arn:role", "travel-agent", "a.b.c")]


async def test_its_token_is_read_anew_each_time(tmp_path: Path) -> None:
    found = ambient({"AWS_WEB_IDENTITY_TOKEN_FILE": token_file(tmp_path)})
    assert await found.web_identity() == "a.b.c"
    token_file(tmp_path, "d.e.f")
    assert await found.web_identity() == "d.e.f"


@pytest.mark.parametrize("text", ["", "  \n", "two\nlines", "a" * 20001, "tökén"])
async def test_what_is_no_token_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ProviderRefused) as refused:
        await ambient({"AWS_WEB_IDENTITY_TOKEN_FILE": token_file(tmp_path, text)}).web_identity()
    assert "AWS_WEB_IDENTITY_TOKEN_FILE" in refused.value.detail
    assert not text.strip() or text not in refused.value.reason


async def test_a_token_that_cannot_be_read_is_refused_and_named(tmp_path: Path) -> None:
    with pytest.raises(ProviderRefused) as refused:
        await ambient({"AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "absent")}).web_identity()
    assert refused.value.reason == "AWS_WEB_IDENTITY_TOKEN_FILE: No such file or directory"
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(ProviderRefused, match="not text"):
        await ambient({"AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "binary")}).web_identity()


async def test_without_a_token_file_the_refusal_names_the_variable() -> None:
    with pytest.raises(ProviderRefused) as refused:
        await ambient({}).web_identity()
    assert "AWS_WEB_IDENTITY_TOKEN_FILE" in refused.value.detail


@pytest.mark.parametrize("variable", ["AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "HOME", "AWS_PROFILE"])
async def test_then_a_developers_shared_files(tmp_path: Path, variable: str) -> None:
    (tmp_path / ".aws").mkdir()
    file = tmp_path / ".aws" / "config"
    file.write_text("[default]\n")
    value = str(tmp_path if variable == "HOME" else file)
    assert await ambient({variable: value, **NOWHERE}).keys() is OF_PROFILE


async def test_shared_files_that_hold_no_keys_end_nothing(tmp_path: Path) -> None:
    async with Lender.start() as lender:
        environ = {"AWS_PROFILE": "empty", "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{lender.url}/v2/credentials/1"}
        assert (await ambient(environ, profile=None).keys()).id == LENT["AccessKeyId"]


async def test_then_what_the_containers_agent_lends(tmp_path: Path) -> None:
    async with Lender.start() as lender:
        lender.token = "pod-token"
        environ = {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{lender.url}/v2/credentials/1",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": token_file(tmp_path, "pod-token\n"),
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": "another",
        }
        found = await ambient(environ).keys()
        assert (found.id, found.expires) == (LENT["AccessKeyId"], 1795543200.0)
        token_file(tmp_path, "old")
        with pytest.raises(ProviderRefused, match="status 401"):
            await ambient(environ).keys()


async def test_a_token_in_the_environment_will_do() -> None:
    async with Lender.start() as lender:
        lender.token = "task-token"
        environ = {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{lender.url}/v2/credentials/1",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": "task-token",
        }
        assert (await ambient(environ).keys()).id == LENT["AccessKeyId"]


@pytest.mark.parametrize("relative", ["/v2/credentials/1", "v2/credentials/1"])
def test_ecs_is_asked_where_it_always_is(relative: str) -> None:
    found = ambient({"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": relative, "AWS_CONTAINER_CREDENTIALS_FULL_URI": "x"})
    assert found._container_url() == "http://169.254.170.2/v2/credentials/1"


@pytest.mark.parametrize(
    "url",
    ["http://10.0.0.5/credentials", "http://sidecar:8181/x", "http://169.254.170.2.example.com/", "ftp://x/", "x"],
)
async def test_plain_http_leads_to_no_other_machine(url: str) -> None:
    with pytest.raises(ProviderRefused, match="plain http"):
        await ambient({"AWS_CONTAINER_CREDENTIALS_FULL_URI": url}).keys()


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.170.23/v1/credentials",
        "http://[fd00:ec2::23]/v1/credentials",
        "http://localhost:1/x",
        "http://[::1]:1/x",
        "https://lender.example.com/x",
    ],
)
def test_where_awss_sdks_would_ask_it_is_asked(url: str) -> None:
    assert ambient({"AWS_CONTAINER_CREDENTIALS_FULL_URI": url})._container_url() == url


async def test_the_sidecar_does_not_ask_itself() -> None:
    with pytest.raises(ProviderRefused, match="leads to the sidecar itself"):
        await ambient({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:8181/v1/aws/credentials"}).keys()


@pytest.mark.parametrize(
    "document",
    [
        "",
        "nonsense",
        "[]",
        {**LENT, "Expiration": "tomorrow"},
        {**LENT, "Token": None},
        {**LENT, "AccessKeyId": 1},
        {name: LENT[name] for name in ("AccessKeyId", "SecretAccessKey")},
        {"Code": "AssumeRoleUnauthorizedAccess", "Message": "EC2 cannot assume the role lent/secret+key"},
    ],
)
async def test_what_is_no_such_document_is_refused_without_being_told(document: Any) -> None:
    async with Lender.start() as lender:
        lender.document = document
        environ = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{lender.url}/v2/credentials/1"}
        with pytest.raises(ProviderRefused) as refused:
            await ambient(environ).keys()
        assert "lent/secret+key" not in refused.value.reason + refused.value.detail


async def test_then_the_instances_metadata_by_version_2_alone() -> None:
    async with Lender.start() as lender:
        found = await ambient({"AWS_EC2_METADATA_SERVICE_ENDPOINT": lender.url}).keys()
        assert found.id == LENT["AccessKeyId"]
        assert lender.requests == [
            ("PUT", "/latest/api/token"),
            ("GET", "/latest/meta-data/iam/security-credentials/"),
            ("GET", "/latest/meta-data/iam/security-credentials/travel-instance"),
        ]


@pytest.mark.parametrize("role", [None, "", "<html>", "a\nb"])
async def test_an_instance_without_a_role_is_told(role: str | None) -> None:
    async with Lender.start() as lender:
        lender.role = role
        with pytest.raises(ProviderRefused) as refused:
            await ambient({"AWS_EC2_METADATA_SERVICE_ENDPOINT": lender.url}).keys()
        assert "Give the sidecar an identity at AWS" in refused.value.detail


async def test_where_nothing_is_the_refusal_says_where_it_may_be() -> None:
    with pytest.raises(ProviderRefused) as refused:
        await ambient(NOWHERE).keys()
    assert "AWS_ROLE_ARN" in refused.value.detail
    with pytest.raises(ProviderUnreachable) as away:
        await ambient({"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:9"}).keys()
    assert "127.0.0.1" in away.value.reason
