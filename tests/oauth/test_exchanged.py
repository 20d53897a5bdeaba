"""The caller's token exchanged: whose token it is, how often it is asked for, and a certified provider that gives
real ones."""

import asyncio
import json
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import jwt
import pytest

from sidecar.errors import AuditUnavailable, NotPermitted, ProviderUnreachable, Refusal
from sidecar.identity.principal import Principal
from sidecar.invocation.invocation import Lifetimes
from sidecar.invocation.proof import Proofs
from sidecar.keyring.signing import SEED_BYTES, SigningKey
from sidecar.oauth.credential import Ask, Personal
from sidecar.oauth.exchange import BEARER, EXCHANGE
from sidecar.oauth.exchanged import Exchanged
from sidecar.oauth.provider import Provider
from sidecar.secret import Secret
from sidecar.wire.http import Request, Response
from tests.idp import fetch
from tests.invocation.scene import ALICE, BOB, Scene
from tests.oauth.surrounding import NOW, Surround
from tests.oidc_provider import SECRET, OidcProvider, oidc_provider, plain

TOKEN_URL = "https://as.example.com/token"
JAG = "urn:ietf:params:oauth:token-type:id-jag"


def crm(standard: str = "rfc8693", **settings: Any) -> Provider:
    usual = {"client_id": "c", "client_secret": Secret("hunter2"), "token_url": TOKEN_URL}
    return Provider("crm", "exchange", "principal", standard=standard, **{**usual, **settings})


def answer(body: Any, status: int = 200) -> Response:
    return Response(status, {}, json.dumps(body).encode())


def form(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode(), strict_parsing=True))


class Given:
    """Gives t1, t2, t3 … for whatever token, as an authorization server would."""

    def __init__(self) -> None:
        self.given = 0

    def __call__(self, request: Request) -> Response:
        self.given += 1
        return answer({"access_token": f"t{self.given}", "token_type": "Bearer", "expires_in": 3600})


class Callers:
    """Invocations, and the tokens that opened them."""

    def __init__(self) -> None:
        self.scene = Scene(Lifetimes(linger=0.0))
        self.proofs = Proofs(self.scene.all, os.urandom)
        self.opened = 0

    def call(self, token: str, who: Principal = ALICE, *scopes: str) -> Ask:
        self.opened += 1
        id_ = str(self.opened).encode()
        invocation, _ = self.scene.all.open(who, b"trace", id_, 600.0)
        self.proofs.keep(invocation, token.encode())
        self.last = invocation
        return Ask(who, frozenset(scopes), id_)


@asynccontextmanager
async def source(
    provider: Provider, says: Callable[[Request], Any] | None = None, **changes: Any
) -> AsyncIterator[tuple[Exchanged, Surround, Callers]]:
    surround, callers = Surround(says or Given()), Callers()
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        one = Exchanged(provider, surround.surroundings(tasks, **{"proof": callers.proofs.of, **changes}))
        yield one, surround, callers
        one.close()


async def test_a_token_is_got_once_for_each_token_that_callers_bring_and_for_each_set_of_scopes() -> None:
    async with source(crm()) as (one, surround, callers):
        first = await one.obtain(callers.call("alice's", ALICE, "a"))
        assert first.lines == b"Authorization: Bearer t1\r\n"
        assert (first.expires, first.scopes) == (NOW + 3600, frozenset({"a"}))
        assert one.ready(callers.call("alice's", ALICE, "a")) is first
        others = [callers.call("alice's other", ALICE, "a"), callers.call("alice's", ALICE), callers.call("bob's", BOB)]
        for ask, token in zip(others, ("t2", "t3", "t4"), strict=True):
            assert one.ready(ask) is None
            assert (await one.obtain(ask)).token.reveal() == token
        assert [form(request)["subject_token"] for request in surround.requests] == [
            "alice's", "alice's other", "alice's", "bob's",
        ]  # fmt: skip
        assert [(name, scopes) for name, _, scopes in surround.refreshed][:1] == [("crm", frozenset({"a"}))]
        assert "alice's" not in repr(surround.requests) + repr(one) + repr(first)


async def test_many_callers_at_once_are_one_exchange() -> None:
    async with source(crm()) as (one, surround, callers):
        asks = [callers.call("alice's") for _ in range(50)]
        tokens = {(await each).token.reveal() for each in [*map(one.obtain, asks)]}
        got = await asyncio.gather(*(one.obtain(callers.call("bob's", BOB)) for _ in range(50)))
        assert (tokens, {each.token.reveal() for each in got}) == ({"t1"}, {"t2"})
        assert len(surround.requests) == 2


async def test_the_agent_is_named_where_its_key_can_be_found() -> None:
    async with source(crm()) as (one, surround, callers):
        await one.obtain(callers.call("alice's"))
        ((kind, claims),) = surround.signed
        assert kind == "JWT"
        assert (claims["iss"], claims["sub"]) == ("https://travel.example.com", "travel-agent")
        assert claims["aud"] == TOKEN_URL
        assert form(surround.requests[0])["actor_token"] == "signed.1.JWT"
    for provider, changes in ((crm(actor="client"), {}), (crm(), {"public_url": None})):
        async with source(provider, **changes) as (one, surround, callers):
            await one.obtain(callers.call("alice's"))
            assert "actor_token" not in form(surround.requests[0])
            assert surround.signed == []


async def test_a_client_with_a_key_proves_itself_by_it() -> None:
    key = crm("entra_obo", client_auth="private_key_jwt", client_secret=None, token_url=None, tenant="t")
    async with source(key) as (one, surround, callers):
        await one.obtain(callers.call("alice's"))
        (request,) = surround.requests
        assert request.url == "https://login.microsoftonline.com/t/oauth2/v2.0/token"
        asked = form(request)
        assert (asked["grant_type"], asked["requested_token_use"]) == (BEARER, "on_behalf_of")
        assert (asked["assertion"], asked["client_assertion"]) == ("alice's", "signed.1.JWT")


@pytest.mark.parametrize(
    ("ask", "mends"),
    [
        (lambda _: Ask(None), "handle"),
        (lambda callers: replace(callers.call("x"), principal=replace(ALICE, via="front")), "first agent"),
        (lambda callers: replace(callers.call("x"), principal=BOB), "called again"),
        (lambda callers: replace(callers.call("x"), invocation=b"forged"), "called again"),
        (lambda _: Ask(ALICE), "called again"),
    ],
)
async def test_without_the_callers_own_token_there_is_nothing_to_exchange(ask: Any, mends: str) -> None:
    async with source(crm()) as (one, surround, callers):
        for _ in range(2):
            with pytest.raises(NotPermitted) as refused:
                await one.obtain(ask(callers))
            assert mends in refused.value.detail
        with pytest.raises(NotPermitted):
            one.ready(ask(callers))
        assert surround.requests == []


async def test_what_ended_meanwhile_has_nothing_exchanged() -> None:
    async with source(crm()) as (one, surround, callers):
        waiting = asyncio.ensure_future(one.obtain(callers.call("alice's")))
        callers.scene.all.end(callers.last)
        with pytest.raises(NotPermitted):
            await waiting
        assert surround.requests == []
        proof = callers.proofs.of(callers.call("alice's").invocation, ALICE)
        assert proof is not None
        proof.stop()
        with pytest.raises(ProviderUnreachable) as refused:
            await one._get(Ask(ALICE), proof)
        assert refused.value.retry_after == 1
        assert surround.requests == []


async def test_a_token_that_the_provider_takes_for_nothing_is_refused_and_not_tried_again_at_once() -> None:
    async with source(crm(), lambda _: answer({"error": "invalid_grant"}, 400)) as (one, surround, callers):
        for _ in range(5):
            with pytest.raises(NotPermitted, match="invalid_grant"):
                await one.obtain(callers.call("alice's"))
        assert len(surround.requests) == 1
        surround.says = Given()
        assert (await one.obtain(callers.call("alice's newer"))).token.reveal() == "t1"


async def test_a_token_that_can_not_be_recorded_is_given_to_nobody() -> None:
    def full(*_: Any) -> None:
        raise AuditUnavailable("the journal is full")

    async with source(crm(), refreshed=full) as (one, _, callers):
        ask = callers.call("alice's")
        with pytest.raises(AuditUnavailable):
            await one.obtain(ask)
        assert one.ready(ask) is None


async def test_what_was_got_for_one_principal_can_be_forgotten() -> None:
    async with source(crm()) as (one, surround, callers):
        ask = callers.call("alice's")
        await one.obtain(ask)
        assert ask.principal is not None
        theirs = ask.principal.id
        assert isinstance(one, Personal)
        assert one.forget(lambda principal: principal != theirs) == 0
        assert one.ready(ask) is not None
        assert one.forget(lambda principal: principal == theirs) == 1
        assert one.ready(ask) is None
        assert len(surround.requests) == 1


async def test_force_asks_anew_and_a_closed_source_asks_no_more() -> None:
    async with source(crm()) as (one, surround, callers):
        ask = callers.call("alice's")
        await one.obtain(ask)
        assert one.ready(replace(ask, force=True)) is None
        assert (await one.obtain(replace(ask, force=True))).token.reveal() == "t2"
        one.close()
        with pytest.raises(Refusal, match="its configuration has changed"):
            await one.obtain(ask)
        assert len(surround.requests) == 2


class Issuing:
    """The caller's issuer and the resource's server, which give assertions and tokens."""

    def __init__(self) -> None:
        self.metadata = {"issuer": "https://api.example", "token_endpoint": "https://api.example/oauth/token"}

    def __call__(self, request: Request) -> Response:
        if request.method == "GET":
            return answer(self.metadata)
        if form(request)["grant_type"] == EXCHANGE:
            return answer({"access_token": "j.a.g", "issued_token_type": JAG, "token_type": "N_A"})
        return answer({"access_token": "theirs", "token_type": "Bearer", "scope": "a", "expires_in": 60})


async def test_an_identity_assertion_is_redeemed_at_the_resources_own_server() -> None:
    there = {"resource_client_id": "d", "resource_client_secret": Secret("there"), "client_auth": "post"}
    async with source(crm("id_jag", audience="https://api.example", **there), Issuing()) as (one, surround, callers):
        credential = await one.obtain(callers.call("alice's", ALICE, "a"))
        assert (credential.token.reveal(), credential.scopes) == ("theirs", frozenset({"a"}))
        first, metadata, second = surround.requests
        assert (first.url, second.url) == (TOKEN_URL, "https://api.example/oauth/token")
        assert metadata.url == "https://api.example/.well-known/oauth-authorization-server"
        asked, redeemed = form(first), form(second)
        assert (asked["requested_token_type"], asked["audience"]) == (JAG, "https://api.example")
        assert (asked["client_id"], asked["client_secret"]) == ("c", "hunter2")
        assert redeemed == {
            "grant_type": BEARER,
            "assertion": "j.a.g",
            "client_id": "d",
            "client_secret": "there",
        }


async def test_a_server_that_fails_may_have_moved() -> None:
    says: Any = Issuing()
    provider = crm("id_jag", audience="https://api.example")
    async with source(provider, says) as (one, surround, callers):
        await one.obtain(callers.call("alice's", ALICE, "a"))
        surround.says = lambda _: Response(500, {}, b"")
        with pytest.raises(ProviderUnreachable):
            await one.obtain(callers.call("alice's", ALICE, "b"))
        says.metadata["token_endpoint"] = "https://api.example/moved"
        surround.says = says
        await one.obtain(callers.call("alice's", ALICE, "c"))
        assert surround.requests[-1].url == "https://api.example/moved"


# a certified provider that nobody here wrote, which leaves the exchange itself to whoever runs it

KEY = SigningKey(bytes(range(SEED_BYTES)))
EXCHANGES = {"alg": "ES256", "grants": [EXCHANGE, BEARER], "auth": "client_secret_basic"}


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcProvider]:
    clients = {"travel": EXCHANGES, "plain": {**EXCHANGES, "grants": ["client_credentials"]}}
    with oidc_provider(tmp_path_factory.mktemp("provider"), clients=clients, actors=KEY.jwks()) as running:
        yield running


@asynccontextmanager
async def real(certified: OidcProvider, standard: str, **settings: Any) -> AsyncIterator[tuple[Exchanged, Callers]]:
    usual = {"client_id": "travel", "client_secret": Secret(SECRET), "token_url": None, "discovery": certified.plain}
    changes: dict[str, Any] = {"fetch": fetch(), "clock": time.time, "random": secrets.token_bytes}
    changes["signer"] = lambda: KEY
    async with source(crm(standard, **{**usual, **settings}), **changes) as (one, _, callers):
        yield one, callers


@pytest.mark.parametrize("standard", ["rfc8693", "rfc7523", "id_jag"])
async def test_a_certified_provider_gives_a_token_about_the_same_user(certified: OidcProvider, standard: str) -> None:
    tokens = await certified.login(plain(certified.plain, "ES256"), "alice")
    settings = {"resource": "https://crm.example/", "subject_token": "access_token"}
    if standard == "id_jag":
        settings["audience"] = certified.plain
    async with real(certified, standard, **settings) as (one, callers):
        credential = await one.obtain(callers.call(tokens.access, ALICE, "calendar.read"))
    claims = jwt.decode(credential.token.reveal(), options={"verify_signature": False})
    assert (claims["sub"], claims["client_id"], claims["aud"]) == ("alice", "travel", "https://crm.example/")
    assert (claims["scope"], credential.scopes) == ("calendar.read", frozenset({"calendar.read"}))
    assert credential.expires == pytest.approx(claims["exp"], abs=5)
    named = {"sub": "travel-agent", "iss": "https://travel.example.com"} if standard == "rfc8693" else None
    assert claims.get("act") == named


async def test_a_certified_provider_refuses_a_token_that_it_never_signed(certified: OidcProvider) -> None:
    forged = jwt.encode({"sub": "alice", "iss": certified.plain}, secrets.token_bytes(32), "HS256")
    for standard in ("rfc8693", "rfc7523"):
        async with real(certified, standard) as (one, callers):
            with pytest.raises(NotPermitted, match="invalid_grant"):
                await one.obtain(callers.call(forged))


async def test_a_certified_provider_refuses_an_agent_that_it_does_not_know(certified: OidcProvider) -> None:
    tokens = await certified.login(plain(certified.plain, "ES256"), "alice")
    stranger = SigningKey(bytes(reversed(range(SEED_BYTES))))
    usual: dict[str, Any] = {"client_id": "travel", "client_secret": Secret(SECRET), "token_url": None}
    usual["discovery"] = certified.plain
    changes: dict[str, Any] = {"fetch": fetch(), "clock": time.time, "random": secrets.token_bytes}
    changes["signer"] = lambda: stranger
    async with source(crm(**usual), **changes) as (one, _, callers):
        with pytest.raises(NotPermitted):
            await one.obtain(callers.call(tokens.access))
    async with source(crm(**usual, actor="client"), **changes) as (one, _, callers):
        assert (await one.obtain(callers.call(tokens.access))).token.reveal()


async def test_a_client_that_may_not_exchange_is_told_so(certified: OidcProvider) -> None:
    async with real(certified, "rfc8693", client_id="plain") as (one, callers):
        with pytest.raises(Refusal) as refused:
            await one.obtain(callers.call("x"))
        assert refused.value.status == 502
        assert "token-exchange" in refused.value.detail
