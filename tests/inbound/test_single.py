"""An agent that serves one call at a time and carries nothing: what it sends out is the open call's, never guessed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from sidecar.demo.server import serving
from tests.idp import AUDIENCE, Idp
from tests.relay.waiting import until
from tests.running import Running, sidecar
from tests.world import World

HOST = "api.example.com"


@dataclass
class Single:
    """The sidecar before an agent that does what ``work`` says, one call at a time."""

    running: Running
    world: World
    idp: Idp
    egress: str
    client: aiohttp.ClientSession
    serving: int = 0
    most: int = 0
    seen: list[str] = field(default_factory=list)
    work: Callable[[web.Request], Awaitable[str]] | None = None

    async def call(self, subject: str, path: str = "/") -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {self.idp.token(sub=subject)}"} if subject else {}
        async with self.client.get(self.running.url + path, headers=headers) as answer:
            return answer.status, answer.headers.get("Retry-After", "") + await answer.text()

    def attached(self) -> list[str]:
        """Whose calls left, in their order."""
        return [
            event["attributes"].get("identity.principal.subject", "nobody")
            for event in self.running.events()
            if event["name"] == "identity.credential_attached"
        ]


@asynccontextmanager
async def single(tmp_path: Path, **timeouts: str) -> AsyncIterator[Single]:
    at: list[Single] = []

    async def agent(request: web.Request) -> web.Response:
        one = at[0]
        one.serving += 1
        one.most = max(one.most, one.serving)
        try:
            assert one.work is not None
            return web.Response(text=await one.work(request))
        finally:
            one.serving -= 1

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", agent)
    async with World([HOST]) as world, Idp.start() as idp, serving(app) as url:
        given: dict[str, Any] = {
            **world.configured,
            "agent": {"name": AUDIENCE, "url": url, "concurrency": "one"},
            "inbound": {"public": ["/public"], "timeouts": {"turn": "10s", **timeouts}},
            "issuers": {"shop": {"type": "oidc", "issuer": idp.url, "audience": AUDIENCE}},
            "providers": {"token": {"type": "bearer", "token": "the-real-one"}},
            "egress": {"routes": {"api": {"url": world.url(HOST), "provider": "token", "private": True}}},
            "capabilities": {"call": {"who": "any", "routes": ["api"]}},
            "audit": {"subjects": "plain"},
        }
        async with sidecar(given, tmp_path) as running, aiohttp.ClientSession() as client:
            at.append(Single(running, world, idp, running.listener("egress"), client))
            yield at[0]


async def test_calls_wait_for_their_turn_and_what_each_sends_is_its_own(tmp_path: Path) -> None:
    async with single(tmp_path) as one, aiohttp.ClientSession() as pooled:

        async def work(request: web.Request) -> str:
            for _ in range(3):
                async with pooled.get(one.egress + "/to/api/x") as answer:
                    assert answer.status == 200
                await asyncio.sleep(0.01)
            return request.headers["X-Identity-Subject"]

        one.work = work
        people = [f"user{number}" for number in range(8)]
        answers = await asyncio.gather(*(one.call(person) for person in people))
        assert answers == [(200, person) for person in people]
        assert one.most == 1
        await until(lambda: len(one.attached()) == 24)
        attached = one.attached()
        assert sorted(attached) == sorted(people * 3)
        assert all(attached[at] == attached[at + 1] == attached[at + 2] for at in range(0, 24, 3))
        assert [seen.values("authorization") for seen in one.world.requests] == [["Bearer the-real-one"]] * 24


async def test_nothing_that_was_opened_in_one_turn_lasts_into_the_next(tmp_path: Path) -> None:
    async with single(tmp_path) as one:
        connections: list[asyncio.StreamWriter] = []
        ended: list[bytes] = []
        host, port = one.egress.removeprefix("http://").split(":")

        async def work(request: web.Request) -> str:
            reader, writer = await asyncio.open_connection(host, int(port))
            connections.append(writer)
            writer.write(f"GET /to/api/x HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            late = asyncio.ensure_future(reader.read())
            late.add_done_callback(lambda task: ended.append(b"" if task.exception() else task.result()))
            return head.decode().partition("\r\n")[0]

        one.work = work
        assert (await one.call("alice"))[1].startswith("HTTP/1.1 200 ")
        await until(lambda: ended)
        connections[0].close()
        # After the answer nobody is there to send for.
        async with one.client.get(one.egress + "/to/api/x") as answer:
            assert (answer.status, answer.headers["Sidecar-Error"]) == (401, "invocation_missing")


async def test_who_waits_too_long_is_told_to_come_again(tmp_path: Path) -> None:
    async with single(tmp_path, turn="300ms") as one:
        let_go = asyncio.Event()

        async def work(request: web.Request) -> str:
            await let_go.wait()
            return "done"

        one.work = work
        first = asyncio.ensure_future(one.call("alice"))
        await until(lambda: one.serving)
        status, said = await one.call("bob")
        assert (status, said[0]) == (503, "1")
        assert "overloaded" in said
        let_go.set()
        assert await first == (200, "done")
        assert await one.call("bob") == (200, "done")


async def test_a_public_path_waits_too_and_a_stranger_does_not(tmp_path: Path) -> None:
    async with single(tmp_path) as one:
        let_go = asyncio.Event()

        async def work(request: web.Request) -> str:
            if request.path == "/public":
                async with one.client.get(one.egress + "/to/api/x") as answer:
                    return answer.headers.get("Sidecar-Error", "let out")
            await let_go.wait()
            return "done"

        one.work = work
        first = asyncio.ensure_future(one.call("alice"))
        await until(lambda: one.serving)
        assert (await one.call(""))[0] == 401
        public = asyncio.ensure_future(one.call("", "/public"))
        await asyncio.sleep(0.1)
        assert one.serving == 1
        let_go.set()
        assert await first == (200, "done")
        assert await public == (200, "invocation_missing")


async def test_a_caller_that_leaves_the_queue_holds_nobody_up(tmp_path: Path) -> None:
    async with single(tmp_path) as one:
        let_go = asyncio.Event()

        async def work(request: web.Request) -> str:
            await let_go.wait()
            return "done"

        one.work = work
        first = asyncio.ensure_future(one.call("alice"))
        await until(lambda: one.serving)
        impatient = asyncio.ensure_future(one.call("bob"))
        await asyncio.sleep(0.1)
        impatient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await impatient
        last = asyncio.ensure_future(one.call("carol"))
        await asyncio.sleep(0.1)
        let_go.set()
        assert [await first, await last] == [(200, "done"), (200, "done")]
