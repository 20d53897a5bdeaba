"""Grants renewed and given back, by a certified provider that rotates refresh tokens and ends a grant of which one
comes back."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest

from sidecar.errors import ConsentRequired, InteractionRequired
from sidecar.identity.principal import Principal
from sidecar.oauth import flow
from sidecar.oauth.broker import Broker
from sidecar.oauth.renewal import Renewal
from sidecar.oauth.surroundings import Surroundings
from sidecar.secret import Secret
from sidecar.vault.grant import At, Grant, Owner, Place
from sidecar.vault.sqlite import SqliteStore
from sidecar.vault.vault import Vault
from sidecar.wire.http import Request, Response, Unreachable
from tests.idp import fetch
from tests.oauth.granting import ALICE, AS, READ, Asked, asking, broker_of, custom, stage
from tests.oauth.surrounding import Surround
from tests.oidc_provider import CALLBACK, SECRET, OidcProvider, oidc_provider
from tests.vault.vaults import opened

CALENDAR = "calendar.read"
CAROL = Principal(ALICE.issuer_url, "", "carol", ALICE.issuer, ALICE.kind)


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcProvider]:
    with oidc_provider(tmp_path_factory.mktemp("provider"), rotates=True) as running:
        yield running


@dataclass
class Real:
    certified: OidcProvider
    vault: Vault
    world: Surroundings
    broker: Broker
    calls: list[Request]
    dead: list[Any]

    async def agree(self, who: Principal, *scopes: str) -> Grant:
        """The user signs in at the provider's own pages and agrees; what is granted is kept."""
        provider = self.broker._provider
        entry = await Renewal(provider, self.world).entry()
        verifier, nonce, asked = secrets.token_urlsafe(32), secrets.token_urlsafe(8), frozenset(scopes)
        url = flow.authorize(
            entry, provider, redirect_uri=CALLBACK, state="s", verifier=verifier, scopes=asked, nonce=nonce
        )
        parts = urlsplit(url)
        ask = dict(parse_qsl(parts.query))
        async with self.certified._session() as session:
            code = await self.certified._code(session, url.partition("?")[0], ask, who.subject)
        request = flow.exchange(
            entry, provider, code=code, redirect_uri=CALLBACK, verifier=verifier, scopes=asked, assertion=None
        )
        answer = await self.world.fetch(request)
        tokens = flow.granted(entry, provider, answer, asked, time.time(), nonce)
        assert tokens.account is not None
        assert tokens.account.id == who.subject
        assert tokens.refresh_token is not None
        place = Place(Owner.of_principal(who), At(entry.server, "web-ES256"), tokens.scopes)
        return await self.vault.put(
            Grant(
                place,
                tokens.account.id,
                tokens.account.label,
                tokens.refresh_token,
                tokens.access_token,
                tokens.token_type,
                expires=0.0,  # so that it is renewed at the first call
                since=time.time(),
                used=None,
                used_by="",
            )
        )

    async def subject(self, who: Principal, **more: Any) -> tuple[str, str]:
        """Of whom the provider's token is, and for what it is good."""
        credential = await self.broker.credential(asking(CALENDAR, who=who, **more))
        claims = jwt.decode(credential.token.reveal(), options={"verify_signature": False})
        return claims["sub"], claims["scope"]


@asynccontextmanager
async def real(certified: OidcProvider, folder: Path) -> AsyncIterator[Real]:
    provider = custom(
        client_id="web-ES256",
        client_secret=Secret(SECRET),
        client_auth="post",
        authorize_url=None,
        token_url=None,
        revoke_url=None,
        discovery=certified.plain,
        resource="https://api.example.com/",
    )
    calls: list[Request] = []
    plain = fetch()

    async def counted(request: Request) -> Response:
        if request.method == "POST":
            calls.append(request)
        return await plain(request)

    dead: list[Any] = []
    async with (
        asyncio.timeout(50),
        opened(SqliteStore(folder / "vault.db"), folder) as vault,
        asyncio.TaskGroup() as tasks,
    ):
        changes: dict[str, Any] = {"fetch": counted, "clock": time.time, "random": secrets.token_bytes}
        world = Surround().surroundings(tasks, **changes)
        broker = broker_of(provider, vault, world, Asked(), dead)
        yield Real(certified, vault, world, broker, calls, dead)
        broker.close()


async def test_a_certified_providers_grants_are_renewed_once_for_hundreds_of_callers(
    certified: OidcProvider, tmp_path: Path
) -> None:
    async with real(certified, tmp_path) as one:
        for who in (ALICE, CAROL):
            await one.agree(who, CALENDAR)
        del one.calls[:]
        for number in (1, 2, 3):
            asks = [one.subject(who, force=number > 1) for who in (ALICE, CAROL) for _ in range(1)]
            asks += [one.subject(who) for who in (ALICE, CAROL) for _ in range(200)]
            seen = await asyncio.gather(*asks)
            assert set(seen) == {("alice", CALENDAR), ("carol", CALENDAR)}
            assert len(one.calls) == 2 * number  # the provider ended the grant, if one came twice
        assert one.dead == []


async def test_a_certified_provider_ends_a_grant_of_which_a_spent_token_comes_back(
    certified: OidcProvider, tmp_path: Path
) -> None:
    async with real(certified, tmp_path) as one:
        old = await one.agree(ALICE, CALENDAR)
        assert await one.subject(ALICE) == ("alice", CALENDAR)
        entry = await one.broker._renewal.entry()
        assert old.refresh_token is not None
        await one.world.fetch(flow.refresh(entry, one.broker._provider, old.refresh_token))  # as a thief would
        with pytest.raises(ConsentRequired, match="invalid_grant"):
            await one.subject(ALICE, force=True)
        assert len(one.dead) == 1
        await one.agree(ALICE, CALENDAR)
        assert await one.subject(ALICE) == ("alice", CALENDAR)


async def test_what_is_given_back_to_a_certified_provider_is_good_for_nothing(
    certified: OidcProvider, tmp_path: Path
) -> None:
    async with real(certified, tmp_path) as one:
        grant = await one.agree(ALICE, CALENDAR)
        await one.broker._renewal.give_back(grant)
        with pytest.raises(ConsentRequired, match="invalid_grant"):
            await one.subject(ALICE)


# without a network


async def test_without_a_refresh_token_nothing_is_asked(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        grant = await one.grant(READ, refresh_token=None)
        renewal = one.broker._renewal
        with pytest.raises(InteractionRequired):
            await renewal.renewed(await renewal.entry(), grant, frozenset())
        assert one.surround.requests == []


async def test_what_can_not_be_given_back_is_logged_and_no_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with stage(tmp_path) as one:
        grant = await one.grant(READ)
        await one.broker._renewal.give_back(grant)
        assert one.surround.requests[-1].url == f"{AS}/revoke"
        assert caplog.records == []

        def down(_: Request) -> Response:
            raise Unreachable("down")

        one.surround.says = down
        await one.broker._renewal.give_back(grant)
        assert "could not be revoked at crm" in caplog.text
        assert "r-one" not in caplog.text
