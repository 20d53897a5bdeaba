"""The agent's own tokens: what is asked, how a broken provider is met, and a certified one that gives real ones."""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import jwt
import pytest

from sidecar.errors import AuditUnavailable, Refusal
from sidecar.keyring.signing import SEED_BYTES, SigningKey
from sidecar.oauth.client_credentials import ClientCredentials
from sidecar.oauth.credential import Ask
from sidecar.oauth.provider import Provider
from sidecar.secret import Secret
from sidecar.wire.http import Late, Request, Response, Unreachable
from tests.idp import fetch
from tests.oauth.surrounding import NOW, Surround
from tests.oidc_provider import SECRET as PUBLIC_SECRET
from tests.oidc_provider import OidcProvider, oidc_provider

SECRET = "hunter2"
ISSUER = "https://as.example.com"
TOKEN_URL = f"{ISSUER}/token"
OPENID_CONFIGURATION = f"{ISSUER}/.well-known/openid-configuration"


def crm(**settings: Any) -> Provider:
    usual = {"client_id": "c", "client_secret": Secret(SECRET), "grant": "client_credentials", "token_url": TOKEN_URL}
    return Provider("crm", "oauth2", "agent", **{**usual, **settings})


def answer(body: Any, status: int = 200, **headers: str) -> Response:
    return Response(status, headers, json.dumps(body).encode())


class Tokens:
    """Gives t1, t2, t3 …"""

    def __init__(self, **changes: Any) -> None:
        self.given, self.changes = 0, changes

    def __call__(self, request: Request) -> Response:
        self.given += 1
        usual = {"access_token": f"t{self.given}", "token_type": "Bearer", "expires_in": 3600}
        return answer({**usual, **self.changes})


@asynccontextmanager
async def source(
    provider: Provider, says: Callable[[Request], Any], **changes: Any
) -> AsyncIterator[tuple[ClientCredentials, Surround]]:
    surround = Surround(says)
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        one = ClientCredentials(provider, surround.surroundings(tasks, **changes))
        yield one, surround
        one.close()


def asking(*scopes: str, **more: Any) -> Ask:
    return Ask(None, frozenset(scopes), **more)


async def test_a_token_is_got_once_and_attached() -> None:
    async with source(crm(), Tokens(scope="a b")) as (one, surround):
        assert one.ready(asking("a")) is None
        credential = await one.obtain(asking("a"))
        assert credential.lines == b"Authorization: Bearer t1\r\n"
        assert credential.token.reveal() == "t1"
        assert (credential.expires, credential.scopes) == (NOW + 3600, frozenset({"a", "b"}))
        assert one.ready(asking("a")) is credential
        assert await one.obtain(asking("a")) is credential
        assert len(surround.requests) == 1
        assert "t1" not in repr(credential)
        assert SECRET not in repr(surround.requests)


async def test_each_set_of_scopes_has_a_token_of_its_own() -> None:
    async with source(crm(), Tokens()) as (one, surround):
        tokens = [(await one.obtain(asking(*scopes))).token.reveal() for scopes in ((), ("a",), ("b", "a"), ("a", "b"))]
        assert tokens == ["t1", "t2", "t3", "t3"]
        assert [b"scope" in request.body for request in surround.requests] == [False, True, True]


async def test_without_a_word_on_scopes_they_are_those_that_were_asked_for() -> None:
    async with source(crm(), Tokens()) as (one, _):
        assert (await one.obtain(asking("a"))).scopes == {"a"}


async def test_without_a_word_on_its_end_nothing_is_said_of_it() -> None:
    async with source(crm(), Tokens(expires_in=None)) as (one, _):
        assert (await one.obtain(asking())).expires is None


async def test_each_new_token_is_told_before_anyone_has_it() -> None:
    async with source(crm(), Tokens(scope="a")) as (one, surround):
        ask = asking("a", invocation=b"i", trace_id=b"t")
        await asyncio.gather(*(one.obtain(ask) for _ in range(10)))
        assert surround.refreshed == [("crm", ask, frozenset({"a"}))]
        await one.obtain(asking("a", force=True))
        assert len(surround.refreshed) == 2


async def test_a_token_that_can_not_be_recorded_is_given_to_nobody() -> None:
    def full(*_: Any) -> None:
        raise AuditUnavailable("the journal is full")

    async with source(crm(), Tokens(), refreshed=full) as (one, _):
        with pytest.raises(AuditUnavailable):
            await one.obtain(asking())
        assert one.ready(asking()) is None


async def test_force_asks_anew() -> None:
    async with source(crm(), Tokens()) as (one, _):
        await one.obtain(asking())
        assert one.ready(asking(force=True)) is None
        assert (await one.obtain(asking(force=True))).token.reveal() == "t2"
        ready = one.ready(asking())
        assert ready is not None
        assert ready.token.reveal() == "t2"


async def test_a_client_with_a_key_proves_itself_by_it() -> None:
    async with source(crm(client_auth="private_key_jwt", client_secret=None), Tokens()) as (one, surround):
        await one.obtain(asking())
        await one.obtain(asking(force=True))
        (kind, first), (_, second) = surround.signed
        assert kind == "JWT"
        assert (first["iss"], first["sub"], first["aud"]) == ("c", "c", TOKEN_URL)
        assert first["exp"] - first["iat"] == 60
        assert first["jti"] != second["jti"]
        assert b"client_assertion=signed.1.JWT" in surround.requests[0].body
        assert b"client_assertion=signed.2.JWT" in surround.requests[1].body


@pytest.mark.parametrize("discovery", ["https://as.example.com", OPENID_CONFIGURATION])
async def test_where_the_issuer_is_known_the_clients_proof_is_for_the_issuer(discovery: str) -> None:
    says = Discovered(OPENID_CONFIGURATION, {"issuer": ISSUER, "token_endpoint": TOKEN_URL})
    provider = crm(client_auth="private_key_jwt", client_secret=None, token_url=None, discovery=discovery)
    async with source(provider, says) as (one, surround):
        await one.obtain(asking())
        ((_, claims),) = surround.signed
        assert claims["aud"] == ISSUER
        assert surround.requests[-1].url == TOKEN_URL


# discovery


class Discovered(Tokens):
    """An authorization server whose metadata is only where *at* says."""

    def __init__(self, at: str, document: dict[str, Any]) -> None:
        super().__init__()
        self.at, self.document = at, document

    def __call__(self, request: Request) -> Response:
        if request.method == "POST":
            return super().__call__(request)
        return answer(self.document) if request.url == self.at else Response(404, {}, b"<html>")


OAUTH, OPENID = f"{ISSUER}/.well-known/oauth-authorization-server", OPENID_CONFIGURATION


@pytest.mark.parametrize(("at", "tried"), [(OAUTH, [OAUTH]), (OPENID, [OAUTH, OPENID])])
async def test_the_endpoint_is_learned_from_either_document_and_remembered(at: str, tried: list[str]) -> None:
    provider = crm(token_url=None, discovery=ISSUER)
    async with source(provider, Discovered(at, {"issuer": ISSUER, "token_endpoint": TOKEN_URL})) as (one, surround):
        await one.obtain(asking())
        await one.obtain(asking("a"))
        assert [request.url for request in surround.requests] == [*tried, TOKEN_URL, TOKEN_URL]
        surround.now += 3601
        await one.obtain(asking("b"))
        assert [request.url for request in surround.requests[-len(tried) - 1 :]] == [*tried, TOKEN_URL]


async def test_after_a_failure_the_endpoint_is_learned_anew() -> None:
    says: Any = Discovered(OAUTH, {"issuer": ISSUER, "token_endpoint": TOKEN_URL})
    async with source(crm(token_url=None, discovery=ISSUER), says) as (one, surround):
        await one.obtain(asking())
        surround.says = lambda _: Response(404, {}, b"")
        with pytest.raises(Refusal):
            await one.obtain(asking("a"))
        says.document["token_endpoint"] = f"{ISSUER}/moved"
        surround.says = says
        await one.obtain(asking("b"))
        assert surround.requests[-1].url == f"{ISSUER}/moved"


@pytest.mark.parametrize(
    ("says", "status", "mends"),
    [
        (lambda _: Response(404, {}, b""), 502, "discovery"),
        (lambda _: Response(301, {"location": "https://evil.example"}, b""), 502, "discovery"),
        (lambda _: Response(200, {}, b"<html>"), 502, "no OAuth server"),
        (lambda _: answer({"issuer": "https://evil.example", "token_endpoint": TOKEN_URL}), 502, "calls itself"),
        (lambda _: answer({"issuer": ISSUER}), 502, "token_url"),
        (lambda _: Response(503, {"retry-after": "9"}, b""), 502, "status"),
        (lambda _: Response(429, {"retry-after": "9"}, b""), 429, "Retry-After"),
    ],
)
async def test_metadata_that_can_not_be_had_says_what_to_check(says: Any, status: int, mends: str) -> None:
    async with source(crm(token_url=None, discovery=ISSUER), says) as (one, _):
        with pytest.raises(Refusal) as refused:
            await one.obtain(asking())
        assert refused.value.status == status
        assert mends in refused.value.detail
        assert "evil" not in refused.value.detail + refused.value.reason


# a broken provider


def fails(error: Exception) -> Callable[[Request], Response]:
    def fetch(_: Request) -> Response:
        raise error

    return fetch


@pytest.mark.parametrize(
    ("says", "status", "code", "wait"),
    [
        (fails(Late("no answer within 10 s")), 504, "timeout", 1),
        (fails(Unreachable("OSError: Connection refused")), 502, "provider_unreachable", 1),
        (fails(Unreachable("the answer is larger than 262144 bytes")), 502, "provider_unreachable", 1),
        (lambda _: Response(200, {}, b"<html>Maintenance</html>"), 502, "provider_unreachable", None),
        (lambda _: Response(500, {}, b"<html>"), 502, "provider_unreachable", 1),
        (lambda _: Response(503, {"retry-after": "40"}, b""), 502, "provider_unreachable", 40),
        (lambda _: Response(429, {"retry-after": "40"}, b""), 429, "rate_limited", 40),
        (lambda _: answer({"error": "invalid_client"}, 401), 502, "provider_unreachable", None),
        (
            lambda _: answer({"access_token": "a" * (1 << 20), "token_type": "Bearer"}),
            502,
            "provider_unreachable",
            None,
        ),
        (lambda _: answer({"access_token": ""}), 502, "provider_unreachable", None),
    ],
)
async def test_a_broken_provider_is_a_clear_refusal_and_is_not_hammered(
    says: Any, status: int, code: str, wait: int | None
) -> None:
    async with source(crm(), says) as (one, surround):
        for _ in range(30):
            with pytest.raises(Refusal) as refused:
                await one.obtain(asking())
            refusal = refused.value
            assert (refusal.status, refusal.code, refusal.retry_after) == (status, code, wait)
            assert "crm" in refusal.detail
            assert SECRET not in refusal.detail + refusal.reason
        assert len(surround.requests) == 1
        surround.now += 61
        surround.says = Tokens()
        assert (await one.obtain(asking())).token.reveal() == "t1"


async def test_what_takes_too_long_in_all_is_cut_off() -> None:
    async def hang(_: Request) -> Response:
        await asyncio.sleep(60)
        raise AssertionError

    async with source(crm(), hang, seconds=0.05) as (one, _):
        with pytest.raises(Refusal) as refused:
            await one.obtain(asking())
        assert (refused.value.status, refused.value.code) == (504, "timeout")


async def test_one_set_of_scopes_that_is_refused_leaves_the_others_alone() -> None:
    tokens = Tokens()

    def says(request: Request) -> Response:
        return answer({"error": "invalid_scope"}, 400) if b"scope=bad" in request.body else tokens(request)

    async with source(crm(), says) as (one, _):
        with pytest.raises(Refusal, match="invalid_scope"):
            await one.obtain(asking("bad"))
        assert (await one.obtain(asking("good"))).token.reveal() == "t1"


async def test_once_closed_nothing_is_asked_any_more() -> None:
    async with source(crm(), Tokens()) as (one, surround):
        await one.obtain(asking())
        one.close()
        assert one.ready(asking()) is None
        with pytest.raises(Refusal, match="its configuration has changed"):
            await one.obtain(asking())
        assert len(surround.requests) == 1


# a certified provider that nobody here wrote

KEY = SigningKey(bytes(range(SEED_BYTES)))
ODD_SECRET = "s:e%c+r&t=/ ~"
SERVICE = {"alg": "ES256", "grants": ["client_credentials"]}
CLIENTS: dict[str, dict[str, Any]] = {
    "by basic": {**SERVICE, "auth": "client_secret_basic", "secret": ODD_SECRET},
    "by-post": {**SERVICE, "auth": "client_secret_post", "secret": ODD_SECRET},
    "by-key": {**SERVICE, "auth": "private_key_jwt", "jwks": KEY.jwks()},
    "by-another-key": {
        **SERVICE,
        "auth": "private_key_jwt",
        "jwks": SigningKey(bytes(reversed(range(SEED_BYTES)))).jwks(),
    },
}


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcProvider]:
    with oidc_provider(tmp_path_factory.mktemp("provider"), clients=CLIENTS) as running:
        yield running


@asynccontextmanager
async def real(certified: OidcProvider, **settings: Any) -> AsyncIterator[ClientCredentials]:
    usual = {"token_url": None, "discovery": certified.plain, "client_secret": Secret(ODD_SECRET)}
    changes = {"fetch": fetch(), "clock": time.time, "random": secrets.token_bytes, "signer": lambda: KEY}
    async with source(crm(**{**usual, **settings}), Tokens(), **changes) as (one, _):
        yield one


@pytest.mark.parametrize(
    "settings",
    [
        {"client_id": "by basic"},
        {"client_id": "by-post", "client_auth": "post"},
        {"client_id": "by-key", "client_auth": "private_key_jwt", "client_secret": None},
    ],
    ids=lambda settings: settings["client_id"],
)
async def test_a_certified_provider_gives_tokens_for_every_proof(
    certified: OidcProvider, settings: dict[str, Any]
) -> None:
    async with real(certified, resource="https://api.example.com/", **settings) as one:
        first = await one.obtain(asking("calendar.read", "travel.book"))
        second = await one.obtain(asking("calendar.read", "travel.book", force=True))
    claims = jwt.decode(first.token.reveal(), options={"verify_signature": False})
    assert (claims["client_id"], claims["aud"]) == (settings["client_id"], "https://api.example.com/")
    assert set(claims["scope"].split()) == first.scopes == {"calendar.read", "travel.book"}
    assert first.expires == pytest.approx(claims["exp"], abs=5)
    assert first.token != second.token


@pytest.mark.parametrize(
    ("settings", "mends"),
    [
        ({"client_id": "nobody"}, "client_id"),
        ({"client_id": "by basic", "client_secret": Secret("wrong")}, "client_secret"),
        ({"client_id": "by-post"}, None),  # RFC 6749, section 2.3.1: whoever takes one form of the secret takes both
        ({"client_id": "by-another-key", "client_auth": "private_key_jwt"}, "client_auth"),
        ({"client_id": "web-ES256", "client_secret": Secret(PUBLIC_SECRET)}, "client_credentials"),
        ({"client_id": "by basic", "audience": "x"}, None),
    ],
)
async def test_a_certified_providers_refusals_say_what_to_check(
    certified: OidcProvider, settings: dict[str, Any], mends: str | None
) -> None:
    async with real(certified, **settings) as one:
        if mends is None:
            assert (await one.obtain(asking())).token.reveal()
        else:
            with pytest.raises(Refusal) as refused:
                await one.obtain(asking())
            assert refused.value.status == 502
            assert mends in refused.value.detail


async def test_a_certified_provider_takes_a_proof_for_its_endpoint_as_well(certified: OidcProvider) -> None:
    where = {"token_url": f"{certified.plain}/token", "discovery": None}
    async with real(certified, client_id="by-key", client_auth="private_key_jwt", client_secret=None, **where) as one:
        assert (await one.obtain(asking())).token.reveal()


async def test_what_a_certified_provider_grants_less_than_was_asked_for_is_said(certified: OidcProvider) -> None:
    async with real(certified, client_id="by basic") as one:
        granted = await one.obtain(asking("calendar.read", "nobody.knows"))
        assert granted.scopes == {"calendar.read"}
