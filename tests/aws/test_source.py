"""A provider's sessions at AWS: whose they are, how often they are got, and what they sign."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from sidecar.aws.keys import rfc3339
from sidecar.aws.signing import Signature
from sidecar.aws.source import Aws
from sidecar.errors import ProviderRefused, ProviderUnreachable
from sidecar.identity.principal import Kind, Principal
from sidecar.oauth.credential import Ask, Outgoing, Source
from sidecar.oauth.provider import Provider
from sidecar.wire.http import Request, Response, Unreachable
from tests.aws.lenders import LENT as LENT_DOCUMENT
from tests.aws.sigv4 import AUTHORIZATION, Received, verify
from tests.aws.test_sts import ROLE, refusal
from tests.idp import fetch
from tests.oauth.surrounding import Surround

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ0cmF2ZWwifQ.c2lnbmF0dXJl"
STATIC = {
    "AWS_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "AKIASTATIC1234567890",
    "AWS_SECRET_ACCESS_KEY": "static-secret",
}
ALICE = Principal("https://id.example.com", "acme", "alice", "okta", Kind.USER)
BOB = Principal("https://id.example.com", "acme", "bob", "okta", Kind.USER)
AGENTS = Ask(None, invocation=b"00f067aa0ba902b7")
ALICES, BOBS = Ask(ALICE, invocation=b"00f067aa0ba902b7"), Ask(BOB, invocation=b"11f067aa0ba902b7")
LISTS = Outgoing("GET", "https", "bucket.s3.eu-central-1.amazonaws.com", "/?list-type=2")


class Sts:
    """An honest STS as far as these tests look: each session has keys of its own, for an hour."""

    def __init__(self, surround: Surround) -> None:
        self._surround = surround
        self.calls: list[dict[str, str]] = []
        self.headers: list[Mapping[str, str]] = []
        self.says: Response | Unreachable | None = None
        self.seconds = 0.0
        self.lives = 3600.0

    async def __call__(self, request: Request) -> Response:
        self.calls.append({name: value for name, (value,) in parse_qs(request.body.decode()).items()})
        self.headers.append(request.headers)
        number = len(self.calls)
        await asyncio.sleep(self.seconds)
        if isinstance(self.says, Unreachable):
            raise self.says
        return self.says or Response(200, {}, self._lent(number))

    def _lent(self, number: int) -> bytes:
        return (
            f"<a><Credentials><AccessKeyId>ASIASESSION{number:010}</AccessKeyId><SecretAccessKey>secret-{number}"
            f"</SecretAccessKey><SessionToken>token-{number}</SessionToken>"
            f"<Expiration>{rfc3339(self._surround.now + self.lives)}</Expiration></Credentials></a>"
        ).encode()

    @property
    def names(self) -> list[str]:
        return [call["RoleSessionName"] for call in self.calls]


def provider(**given: Any) -> Provider:
    usual = {"role_arn": ROLE, "region": "eu-central-1", "service": "s3", "source": "web_identity"}
    return Provider("cloud", "aws", "agent", **{**usual, **given})


@asynccontextmanager
async def made(environ: Mapping[str, str], **given: Any) -> AsyncIterator[tuple[Aws, Sts, Surround]]:
    surround = Surround()
    sts = surround.says = Sts(surround)
    async with asyncio.TaskGroup() as tasks:
        source = Aws(provider(**given), surround.surroundings(tasks), environ)
        yield source, sts, surround
        source.close()


@pytest.fixture
def token(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "token").write_text(JWT)
    return {"AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token")}


def key(signature: Signature | None) -> str:
    """Whose key a signature is made with."""
    assert signature is not None
    said = AUTHORIZATION.search(signature.sign(LISTS, b"").decode())
    assert said is not None
    return said[1]


def test_it_is_a_source(token: dict[str, str]) -> None:
    async def one() -> Source:
        async with made(token) as (source, _, _):
            return source

    assert asyncio.run(one()).fills >= {b"authorization", b"x-amz-date", b"x-amz-security-token"}


# Whose session


async def test_by_web_identity_every_principal_has_a_session_by_its_name(token: dict[str, str]) -> None:
    async with made(token) as (source, sts, _):
        for ask in (ALICES, BOBS, AGENTS):
            await source.obtain(ask)
    assert sts.names == [f"{ALICE.id}.00f067aa0ba902b7", f"{BOB.id}.11f067aa0ba902b7", "travel-agent"]
    assert [call["WebIdentityToken"] for call in sts.calls] == [JWT] * 3
    assert [call["RoleArn"] for call in sts.calls] == [ROLE] * 3
    assert all(call["Action"] == "AssumeRoleWithWebIdentity" for call in sts.calls)


async def test_with_tags_the_role_is_assumed_once_more_from_the_agents_own_session(token: dict[str, str]) -> None:
    async with made(token, session_tags=True) as (source, sts, _):
        await source.obtain(ALICES)
        await source.obtain(BOBS)
    assert sts.names == ["travel-agent", f"{ALICE.id}.00f067aa0ba902b7", f"{BOB.id}.11f067aa0ba902b7"]
    assert [call["Action"] for call in sts.calls] == ["AssumeRoleWithWebIdentity", "AssumeRole", "AssumeRole"]
    assert "ASIASESSION0000000001" in sts.headers[1]["Authorization"]
    assert sts.headers[1]["X-Amz-Security-Token"] == "token-1"
    assert tags(sts.calls[1]) == {
        "identity.agent": "travel-agent",
        "identity.principal": ALICE.id,
        "identity.invocation": "00f067aa0ba902b7",
        "identity.kind": "user",
        "identity.issuer": "okta",
        "identity.tenant": "acme",
    }


def tags(call: Mapping[str, str]) -> dict[str, str]:
    """Those of a call; all of them are transitive."""
    numbers = range(1, 1 + sum(name.startswith("TransitiveTagKeys") for name in call))
    found = {call[f"Tags.member.{number}.Key"]: call[f"Tags.member.{number}.Value"] for number in numbers}
    assert [call[f"TransitiveTagKeys.member.{number}"] for number in numbers] == [*found]
    return found


@pytest.mark.parametrize("session_tags", [False, True])
async def test_by_assume_role_the_ambient_keys_assume_it_for_everyone(session_tags: bool) -> None:
    async with made(STATIC, source="assume_role", session_tags=session_tags) as (source, sts, _):
        await source.obtain(ALICES)
        await source.obtain(AGENTS)
    assert sts.names == [f"{ALICE.id}.00f067aa0ba902b7", "travel-agent"]
    assert all("AKIASTATIC1234567890" in headers["Authorization"] for headers in sts.headers)
    assert ("Tags.member.1.Key" in sts.calls[0]) is session_tags
    assert tags(sts.calls[1]) == ({"identity.agent": "travel-agent"} if session_tags else {})


async def test_ambient_keys_sign_for_everyone_without_a_call() -> None:
    async with made(STATIC, source="ambient", role_arn=None) as (source, sts, _):
        assert key(await source.obtain(ALICES)) == "AKIASTATIC1234567890"
        assert key(source.ready(BOBS)) == "AKIASTATIC1234567890"
    assert not sts.calls


@pytest.mark.parametrize("by_token", [False, True])
async def test_without_a_source_the_token_file_decides(token: dict[str, str], by_token: bool) -> None:
    async with made(token if by_token else STATIC, source=None) as (source, sts, _):
        await source.obtain(ALICES)
    assert sts.calls[-1]["Action"] == ("AssumeRoleWithWebIdentity" if by_token else "AssumeRole")


async def test_the_token_is_read_anew_for_every_session(token: dict[str, str]) -> None:
    async with made(token) as (source, sts, _):
        await source.obtain(ALICES)
        await asyncio.to_thread(Path(token["AWS_WEB_IDENTITY_TOKEN_FILE"]).write_text, "another.one.here")
        await source.obtain(BOBS)
    assert [call["WebIdentityToken"] for call in sts.calls] == [JWT, "another.one.here"]


async def test_a_call_never_gets_anothers_session(token: dict[str, str]) -> None:
    people = [Principal("https://id.example.com", "", f"user-{number}", "okta", Kind.USER) for number in range(20)]
    asks = [Ask(person, invocation=b"%016x" % number) for person in people for number in range(3)]
    async with made(token) as (source, sts, _):
        sts.seconds = 0.01
        signatures = await asyncio.gather(*(source.obtain(ask) for ask in asks * 3))
        by_key = {f"ASIASESSION{number:010}": name for number, name in enumerate(sts.names, 1)}
        names = [by_key[key(signature)] for signature in signatures]
        assert names == [f"{ask.principal.id}.{ask.invocation.decode()}" for ask in asks * 3 if ask.principal]
        assert len(sts.calls) == len(asks)


# How often


async def test_a_session_is_got_once_and_is_then_at_hand(token: dict[str, str]) -> None:
    async with made(token) as (source, sts, surround):
        assert source.ready(ALICES) is None
        first = key(await source.obtain(ALICES))
        assert key(source.ready(ALICES)) == first
        surround.now += 3000
        assert key(source.ready(ALICES)) == first
        assert source.ready(Ask(ALICE, invocation=b"22")) is None
    assert len(sts.calls) == 1


async def test_the_agents_calls_share_one_session_whatever_they_were_for(token: dict[str, str]) -> None:
    async with made(token) as (source, sts, _):
        for number in range(5):
            await source.obtain(Ask(None, invocation=b"%016x" % number))
    assert len(sts.calls) == 1


async def test_it_is_replaced_ahead_of_its_end(token: dict[str, str]) -> None:
    async with made(token) as (source, sts, surround):
        first = key(await source.obtain(ALICES))
        surround.now += 3400
        assert key(source.ready(ALICES)) == first
        await asyncio.sleep(0.05)
        assert key(source.ready(ALICES)) != first
    assert len(sts.calls) == 2


async def test_it_is_not_used_past_its_end(token: dict[str, str]) -> None:
    async with made(token) as (source, _, surround):
        first = key(await source.obtain(ALICES))
        surround.now += 3595
        assert source.ready(ALICES) is None
        assert key(await source.obtain(ALICES)) != first


async def test_one_that_is_forced_is_got_anew(token: dict[str, str]) -> None:
    async with made(token) as (source, sts, _):
        await source.obtain(ALICES)
        assert source.ready(Ask(ALICE, invocation=ALICES.invocation, force=True)) is None
        await source.obtain(Ask(ALICE, invocation=ALICES.invocation, force=True))
    assert len(sts.calls) == 2


async def test_a_principals_sessions_can_be_forgotten_and_the_agents_own_stay(token: dict[str, str]) -> None:
    async with made(token) as (source, _, _):
        await source.obtain(ALICES)
        await source.obtain(Ask(None))
        assert source.forget(lambda principal: principal == ALICE.id) == 1
        assert source.ready(ALICES) is None
        assert source.ready(Ask(None)) is not None
        assert source.forget(lambda _principal: True) == 0


async def test_keys_that_are_over_when_they_come_are_refused(token: dict[str, str]) -> None:
    async with made(token) as (source, sts, _):
        sts.lives = -1
        with pytest.raises(ProviderRefused) as refused:
            await source.obtain(ALICES)
        assert "clock" in refused.value.detail


async def test_sts_is_asked_for_a_few_sessions_at_a_time(token: dict[str, str]) -> None:
    at_once = most = 0

    async def counted(request: Request) -> Response:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.002)
        at_once -= 1
        return await sts(request)

    async with made(token) as (source, sts, surround):
        surround.says = counted
        await asyncio.gather(*(source.obtain(Ask(ALICE, invocation=b"%d" % number)) for number in range(60)))
    assert most == 16


async def test_a_refusal_of_aws_is_one_for_everyone_who_waits_and_is_recorded(token: dict[str, str]) -> None:
    async with made(token) as (source, sts, _):
        sts.says = Response(403, {}, refusal("AccessDenied"))
        outcomes = await asyncio.gather(*(source.obtain(ALICES) for _ in range(5)), return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {ProviderRefused}
        assert len(sts.calls) == 1
        with pytest.raises(ProviderRefused):
            await source.obtain(ALICES)
        assert len(sts.calls) == 1
        sts.says = None
        await source.obtain(BOBS)


async def test_a_provider_that_is_gone_lends_nothing_more(token: dict[str, str]) -> None:
    async with made(token) as (source, sts, _):
        await source.obtain(ALICES)
        sts.seconds = 10
        waits = asyncio.ensure_future(source.obtain(BOBS))
        await asyncio.sleep(0.01)
        source.close()
        with pytest.raises(ProviderUnreachable):
            await waits
        assert source.ready(ALICES) is None
        with pytest.raises(ProviderUnreachable):
            await source.obtain(ALICES)


async def test_what_was_got_is_told_for_the_record(token: dict[str, str]) -> None:
    async with made(token) as (source, _, surround):
        await source.obtain(ALICES)
        await source.obtain(ALICES)
        await source.lend(AGENTS)
    assert surround.refreshed == [("cloud", ALICES, frozenset()), ("cloud", AGENTS, frozenset())]


@pytest.mark.parametrize(
    ("given", "environ", "mend"),
    [
        ({"role_arn": None}, STATIC, "AWS_WEB_IDENTITY_TOKEN_FILE"),
        ({"role_arn": None, "source": "assume_role"}, STATIC, "Set role_arn"),
        ({"region": None, "source": "assume_role"}, {**STATIC, "AWS_REGION": ""}, "providers.cloud.region"),
        ({"source": "assume_role"}, {"AWS_EC2_METADATA_DISABLED": "true"}, "Give the sidecar an identity"),
    ],
)
async def test_what_is_missing_is_named(given: dict[str, Any], environ: dict[str, str], mend: str) -> None:
    async with made(environ, **given) as (source, sts, _):
        with pytest.raises(ProviderRefused) as refused:
            await source.obtain(ALICES)
        assert mend in refused.value.detail
        assert not sts.calls


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
async def test_the_region_may_be_the_environments(token: dict[str, str], variable: str) -> None:
    async with made({**token, variable: "eu-west-3"}, region=None) as (source, _, surround):
        await source.obtain(ALICES)
    assert surround.requests[0].url == "https://sts.eu-west-3.amazonaws.com/"


# What it signs


async def test_it_signs_with_the_principals_session(token: dict[str, str]) -> None:
    async with made(token) as (source, _, surround):
        signature = await source.obtain(ALICES)
        surround.now += 60
        lines = [line.partition(": ") for line in signature.sign(LISTS, b"").decode().splitlines()]
    headers = [("Host", LISTS.authority), *((name, value) for name, _, value in lines)]
    arrived = Received("GET", LISTS.target, headers)
    assert verify(arrived, "ASIASESSION0000000001", "secret-1", "token-1") == ("eu-central-1", "s3")
    assert arrived.value("x-amz-date") == "20261124T101101Z"


# What it lends


async def test_it_lends_the_agents_own_keys_and_no_principals(token: dict[str, str]) -> None:
    async with made(token) as (source, sts, _):
        await source.obtain(ALICES)
        await source.lend()
    assert sts.names[-1] == "travel-agent"


async def test_what_it_lends_is_good_for_more_than_fifteen_minutes(token: dict[str, str]) -> None:
    async with made(token) as (source, sts, surround):
        for _ in range(20):
            keys = await source.lend()
            assert keys.expires is not None
            assert keys.expires - surround.now > 1200
            surround.now += 500
    assert len(sts.calls) == 4


@pytest.mark.parametrize("session_tags", [False, True])
async def test_by_assume_role_it_lends_the_roles_keys(session_tags: bool) -> None:
    async with made(STATIC, source="assume_role", session_tags=session_tags) as (source, sts, _):
        assert (await source.lend()).id == "ASIASESSION0000000001"
    assert sts.names == ["travel-agent"]


async def test_where_it_can_get_no_longer_ones_it_lends_what_there_is_and_asks_seldom() -> None:
    now = Surround().now
    async with made({"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1"}, source="ambient", role_arn=None) as (
        source,
        _,
        surround,
    ):

        def instance(request: Request) -> Response:
            if request.url.endswith(("/token", "/security-credentials/")):
                return Response(200, {}, b"travel")
            document = str({**LENT_DOCUMENT, "Expiration": rfc3339(now + 400)}).replace("'", '"')
            return Response(200, {}, document.encode())

        surround.says = instance
        for _ in range(5):
            assert (await source.lend()).expires == int(now) + 400
        assert len(surround.requests) == 3
        surround.now += 31
        await source.lend()
        assert len(surround.requests) == 6


# Against moto


async def test_moto_lends_sessions_for_a_token_and_for_keys(moto_url: str, token: dict[str, str]) -> None:
    real, seen = fetch(), list[Request]()

    async def kept(request: Request) -> Response:
        seen.append(request)
        return await real(request)

    async with made({**token, "AWS_ENDPOINT_URL_STS": moto_url}, session_tags=True) as (source, _, surround):
        surround.says = kept
        signature = await source.obtain(ALICES)
        assert key(signature).startswith("ASIA")
        lent = await source.lend()
        assert lent.expires is not None
    by_token, by_keys = parse_qs(seen[0].body.decode()), parse_qs(seen[1].body.decode())
    assert by_token["WebIdentityToken"] == [JWT]
    assert (by_token["RoleArn"], by_token["RoleSessionName"]) == ([ROLE], ["travel-agent"])
    assert by_keys["RoleSessionName"] == [f"{ALICE.id}.00f067aa0ba902b7"]
    assert by_keys["TransitiveTagKeys.member.2"] == ["identity.principal"]
    assert "Credential=ASIA" in seen[1].headers["Authorization"]
