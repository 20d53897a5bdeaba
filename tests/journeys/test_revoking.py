"""Everything of one principal ends at once, by the real command: what they have open, and what is remembered."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from sidecar.demo.server import serving
from sidecar.identity.principal import opaque
from tests.idp import AUDIENCE, Idp
from tests.journeys.given import bearer
from tests.journeys.patience import SLACK
from tests.journeys.test_vault import command
from tests.relay.waiting import until
from tests.running import Running, sidecar
from tests.world import Answer, World

API = "api.example.com"
SLOW = Answer(seconds=30.0)


@dataclass
class Stage:
    running: Running
    world: World
    idp: Idp
    client: aiohttp.ClientSession
    handles: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)
    """When the open calls of whom ended, in monotonic seconds."""
    open: list[asyncio.Task[None]] = field(default_factory=list)

    def id(self, person: str) -> str:
        return opaque("p_", self.idp.url, "", person)

    async def opens(self, person: str, how: str) -> None:
        """*person* opens a stream of events or a WebSocket, which goes on until somebody ends it."""
        self.tokens.setdefault(person, self.idp.token(sub=person))
        task = asyncio.ensure_future(self._stay(person, how))
        self.open.append(task)
        await until(lambda: person in self.handles or task.done())

    async def _stay(self, person: str, how: str) -> None:
        headers = bearer(self.tokens[person])
        try:
            if how == "websocket":
                async with self.client.ws_connect(f"{self.running.url}/ws", headers=headers) as socket:
                    async for _ in socket:
                        pass
            else:
                async with self.client.get(f"{self.running.url}/events", headers=headers) as answer:
                    assert answer.status == 200, await answer.text()
                    async for _ in answer.content:
                        pass
        except aiohttp.ClientError:
            pass
        self.ended[person] = time.monotonic()

    async def calls_out(self, person: str) -> tuple[int, float]:
        """A call out for *person* that the API takes its time for: its status (0: it was cut), and when it ended."""
        url = self.running.listener("egress") + "/to/api/slow"
        try:
            async with self.client.get(url, headers={"X-Identity-Invocation": self.handles[person]}) as answer:
                return answer.status, time.monotonic()
        except aiohttp.ClientError:
            return 0, time.monotonic()

    async def call(self, person: str) -> tuple[int, str]:
        async with self.client.get(self.running.url, headers=bearer(self.tokens[person])) as answer:
            return answer.status, answer.headers.get("Sidecar-Error", "")

    async def handle_is(self, person: str) -> str:
        url = self.running.listener("egress") + "/v1/principal"
        async with self.client.get(url, headers=bearer(self.handles[person])) as answer:
            return answer.headers.get("Sidecar-Error", "")

    async def revoked(self, *arguments: str) -> dict[str, Any]:
        code, out, err = await command(self.running, "revoke", *arguments, "--json")
        assert code == 0, err
        answer: dict[str, Any] = json.loads(out)
        return answer


@asynccontextmanager
async def stage(folder: Path, **more: Any) -> AsyncIterator[Stage]:
    at: list[Stage] = []

    async def events(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        at[0].handles[request.headers["X-Identity-Subject"]] = request.headers["X-Identity-Invocation"]
        while True:
            await answer.write(b"data: still here\n\n")
            await asyncio.sleep(0.05)

    async def echo(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        at[0].handles[request.headers["X-Identity-Subject"]] = request.headers["X-Identity-Invocation"]
        async for _ in socket:
            pass
        return socket

    async def well(_request: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.router.add_get("/events", events)
    app.router.add_get("/ws", echo)
    app.router.add_get("/", well)
    async with World([API]) as world, Idp.start() as idp, serving(app) as url, aiohttp.ClientSession() as client:
        world.says[API] = SLOW
        given = {
            **world.configured,
            "agent": {"name": AUDIENCE, "url": url},
            "issuers": {"shop": {"type": "oidc", "issuer": idp.url, "audience": AUDIENCE}},
            "providers": {"key": {"type": "api_key", "key": "the-real-one"}},
            "egress": {"routes": {"api": {"url": world.url(API), "provider": "key", "private": True}}},
            "capabilities": {"all": {"who": "any", "routes": ["api"]}},
            "audit": {"subjects": "plain"},
            **more,
        }
        async with sidecar(given, folder) as running:
            one = Stage(running, world, idp, client)
            at.append(one)
            try:
                yield one
            finally:
                for task in one.open:
                    task.cancel()
                await asyncio.gather(*one.open, return_exceptions=True)


@pytest.mark.parametrize("how", ["events", "websocket"])
async def test_what_one_principal_has_open_ends_within_a_second_and_nobody_elses(tmp_path: Path, how: str) -> None:
    async with stage(tmp_path) as at:
        await at.opens("alice", how)
        await at.opens("bob", "events")
        out = asyncio.ensure_future(at.calls_out("alice"))
        bobs = asyncio.ensure_future(at.calls_out("bob"))
        await until(lambda: len(at.world.requests) == 2)
        began = time.monotonic()
        done = await at.revoked(at.id("alice"))
        took = time.monotonic() - began
        assert done["ended"] == {"tokens": 1, "invocations": 1, "calls": 1, "credentials": 0, "sign_ins": 0}
        status, ended = await asyncio.wait_for(out, 5)
        assert status in (0, 401)
        await asyncio.wait_for(at.open[0], 5)
        for moment in (ended, at.ended["alice"]):
            assert moment - began < took + 1.0 * SLACK
        assert await at.handle_is("alice") == "invocation_invalid"
        assert (await at.handle_is("bob"), "bob" in at.ended, bobs.done()) == ("", False, False)
        assert await at.call("alice") == (200, ""), "the token is verified anew"
        event = await at.running.event(lambda event: event["name"] == "identity.principal_revoked")
        assert event["attributes"]["identity.principal.id"] == at.id("alice")
        assert event["attributes"]["identity.reason"] == "by the operator"
        bobs.cancel()


async def test_who_is_kept_out_stays_out_through_a_restart_until_they_are_let_in(tmp_path: Path) -> None:
    async with stage(tmp_path) as at:
        for person in ("alice", "bob"):
            at.tokens[person] = at.idp.token(sub=person)
            assert await at.call(person) == (200, "")
        done = await at.revoked(at.id("alice"), "--block", "1h")
        assert 3500 < done["blocked_until"] - time.time() <= 3600
        at.tokens["alice again"] = at.idp.token(sub="alice", jti="another")
        for _ in range(2):
            assert await at.call("alice") == await at.call("alice again") == (403, "not_permitted")
            assert await at.call("bob") == (200, "")
            at.running.stop()
            await at.running.again()
        code, out, _ = await command(at.running, "revoke", at.id("alice"), "--unblock")
        assert (code, out) == (0, f"{at.id('alice')} may come in again\n")
        assert await at.call("alice") == (200, "")
        event = await at.running.event(lambda event: event["name"] == "identity.rejected")
        assert "the operator keeps the principal out" in event["attributes"]["identity.reason"]


async def test_a_principal_is_known_by_the_name_that_the_record_has_for_them(tmp_path: Path) -> None:
    async with stage(tmp_path, audit={"subjects": "hashed"}) as at:
        await at.opens("alice", "events")
        event = await at.running.event(lambda event: event["name"] == "identity.init")
        name = event["attributes"]["identity.principal.id"]
        assert name.startswith("h_")
        code, out, _ = await command(at.running, "revoke", name, "--block", "1h")
        assert code == 0
        assert out.startswith(f"{name}: ended 1 verified token, 1 invocation, 1 open call\nkept out until ")
        assert await at.call("alice") == (403, "not_permitted")


async def test_what_is_said_of_nobody_and_of_what_is_no_principal(tmp_path: Path) -> None:
    async with stage(tmp_path) as at:
        code, out, _ = await command(at.running, "revoke", at.id("nobody"))
        assert code == 0
        assert out.startswith(f"{at.id('nobody')}: nothing of theirs was open\nA token that their issuer still honours")
        for wrong in (["alice"], [at.id("alice"), "--block", "1"], [at.id("alice"), "--block", "1h", "--unblock"]):
            code, _, err = await command(at.running, "revoke", *wrong)
            assert code == 2
            assert "usage:" in err
