"""The database of a fleet's vault is away: nobody is hurt who doesn't need it, and nobody is given what is over."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from sidecar.demo.server import serving
from sidecar.keyring.root import kept
from sidecar.secret import Secret
from sidecar.vault.grant import At, Owner
from sidecar.vault.keys import Wrapper
from sidecar.vault.postgres import PostgresStore
from tests.database import Database
from tests.fuzzing import LONG
from tests.journeys.given import bearer, given
from tests.journeys.issuer import Issuer
from tests.running import Running, sidecar
from tests.vault.grants import grant
from tests.vault.vaults import opened

log = logging.getLogger(__name__)

AWAY, SHORT_LIFE = (60.0, 40) if LONG else (2.5, 2)
"""Seconds: of the outage, and of bob's tokens."""
RECOVERY = 5.0
PEOPLE = ("alice", "bob", "carol")


class Provider:
    """Rotates refresh tokens, slowly, and ends the family of one that comes a second time."""

    def __init__(self) -> None:
        self.number = dict.fromkeys(PEOPLE, 0)
        self.calls: list[str] = []
        self.dead: set[str] = set()

    async def answer(self, request: web.Request) -> web.Response:
        form = await request.post()
        _, name, number = str(form["refresh_token"]).split("-")
        self.calls.append(name)
        await asyncio.sleep(0.05)
        if name in self.dead or int(number) != self.number[name]:
            self.dead.add(name)
            return web.json_response({"error": "invalid_grant"}, status=400)
        count = self.number[name] = self.number[name] + 1
        life = SHORT_LIFE if name == "bob" else 3600
        new = {"access_token": f"at-{name}-{count}", "refresh_token": f"rt-{name}-{count}", "expires_in": life}
        return web.json_response({**new, "token_type": "Bearer"})


@dataclass
class Stage:
    running: Running
    provider: Provider
    database: Database
    client: aiohttp.ClientSession
    issuer: Issuer
    handles: dict[str, str]

    async def call(self, person: str) -> float:
        """A call of theirs to the agent, which gets a handle; the seconds that it takes."""
        begun = time.monotonic()
        async with self.client.get(self.running.url, headers=bearer(self.issuer.token(person))) as answer:
            assert answer.status == 200, await answer.text()
            self.handles[person] = await answer.text()
        return time.monotonic() - begun

    async def token(self, person: str) -> tuple[int, dict[str, Any], str | None]:
        """Status, answer and ``Retry-After``."""
        url = self.running.listener("egress") + "/v1/token"
        wanted = {"provider": "calendar", "scopes": ["read"]}
        async with self.client.post(url, json=wanted, headers=bearer(self.handles[person])) as answer:
            return answer.status, await answer.json(content_type=None), answer.headers.get("Retry-After")


@asynccontextmanager
async def stage(issuer: Issuer, folder: Path) -> AsyncIterator[Stage]:
    async def agent(request: web.Request) -> web.Response:
        return web.Response(text=request.headers["X-Identity-Invocation"])

    provider, database = Provider(), await asyncio.to_thread(Database)
    app = web.Application()
    app.router.add_post("/token", provider.answer)
    app.router.add_get("/", agent)
    url = database.url("fleet")
    async with serving(app) as here, aiohttp.ClientSession() as client:
        calendar = {
            "type": "oauth2",
            "authorize_url": f"{here}/authorize",
            "token_url": f"{here}/token",
            "client_id": "c",
            "client_secret": "a secret of some length",
            "hand_out": True,
        }
        configured = given(
            issuer,
            here,
            providers={"calendar": calendar},
            capabilities={"read": {"who": "any", "provider": "calendar", "scopes": ["read"]}},
            invocation={"linger": "1h"},
            vault={"url": url},
        )
        async with sidecar(configured, folder) as running:
            wrapper, store = Wrapper(kept(running.state).derive), PostgresStore(Secret(url))
            async with opened(store, folder, wrapper) as vault:
                for name in PEOPLE:
                    one = grant(Owner(issuer.url, "", name), "read", at=At(here, "c"))
                    await vault.put(replace(one, refresh_token=Secret(f"rt-{name}-0"), expires=time.time() - 1))
            try:
                yield Stage(running, provider, database, client, issuer, {})
            finally:
                await asyncio.to_thread(database.close)


@pytest.mark.slow
@pytest.mark.timeout(180 if LONG else 60)
async def test_a_database_that_is_away_hurts_only_who_needs_it_and_is_used_again_within_five_seconds(
    issuer: Issuer, tmp_path: Path
) -> None:
    async with stage(issuer, tmp_path) as at:
        for person in PEOPLE:
            await at.call(person)
        held = {person: (await at.token(person))[1]["access_token"] for person in ("alice", "bob")}
        bobs_end = time.monotonic() + SHORT_LIFE
        assert at.provider.calls == ["alice", "bob"]

        await asyncio.to_thread(at.database.stop)
        gone, slowest, bobs = time.monotonic(), 0.0, list[int]()
        while time.monotonic() - gone < AWAY:
            slowest = max(slowest, await at.call("alice"))
            assert (await at.token("alice"))[:1] == (200,)
            status, said, again = await at.token("carol")
            assert (status, said["code"], again) == (503, "vault_unavailable", "1")
            status, said, again = await at.token("bob")
            bobs.append(status)
            if status == 200:
                assert said["access_token"] == held["bob"]
                assert time.monotonic() < bobs_end
            else:
                assert (status, said["code"], again) == (503, "vault_unavailable", "1")
            await asyncio.sleep(0.1)
        assert bobs == sorted(bobs)
        assert set(bobs) == {200, 503}
        assert at.provider.calls == ["alice", "bob"]
        assert slowest < 1.0

        await asyncio.to_thread(at.database.start)
        back = time.monotonic()
        waiting = {"bob", "carol"}
        while waiting:
            assert time.monotonic() - back < RECOVERY
            waiting -= {person for person in waiting if (await at.token(person))[0] == 200}
            await asyncio.sleep(0.05)
        recovered = time.monotonic() - back
        assert (await at.token("alice"))[1]["access_token"] == held["alice"]
        assert at.provider.calls[:2] == ["alice", "bob"]
        assert at.provider.calls.count("carol") == 1
        assert not at.provider.dead
        event = await at.running.event(
            lambda event: event["attributes"].get("error.type") == "vault_unavailable", within=10.0
        )
        assert event["name"] == "identity.egress_denied"
        log.info("calls in took %.3f s at most; recovered in %.2f s; bob: %s", slowest, recovered, Counter(bobs))
