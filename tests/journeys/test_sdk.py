"""The how-to's agents, as they are written there, behind the real sidecar: twenty users at one time, each their own."""

import asyncio
import os
import socket
import ssl
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import httpx
import pytest
import requests

from sidecar import sdk
from sidecar.agent.environment import variables
from sidecar.wire.endpoint import Tcp
from tests.child import ROOT, Child, child
from tests.examples import example
from tests.journeys.given import bearer, given
from tests.journeys.issuer import Issuer
from tests.running import Running, serving
from tests.world import World

HOST = "calendar.example.com"
USERS = [f"user{number}" for number in range(20)]
KEY = "the-real-key"

T = TypeVar("T", bound=AbstractContextManager[Any])


def asgi(port: int) -> list[str]:
    return [sys.executable, "-m", "uvicorn", "agent:app", "--port", str(port)]


def wsgi(port: int) -> list[str]:
    serve = f"from agent import app; app.run('127.0.0.1', {port}, threaded=True)"
    return [sys.executable, "-c", serve]


AGENTS = {"asgi": ("Starlette", asgi), "wsgi": ("Flask", wsgi)}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World.standing([HOST]) as world:
        yield world


def configured(issuer: Issuer, world: World, port: int) -> dict[str, Any]:
    return given(
        issuer,
        f"http://127.0.0.1:{port}",
        providers={"calendar": {"type": "bearer", "token": KEY}},
        egress={"routes": {"calendar": {"url": world.url(HOST, "/of"), "provider": "calendar", "private": True}}},
        capabilities={"read": {"who": {"issuer": "shop"}, "routes": ["calendar"]}},
        invocation={"detach": "10m"},
        audit={"subjects": "plain"},
        **world.configured,
    )


def environ(running: Running, folder: Path) -> Mapping[str, str]:
    """What ``sidecar env`` says, and where the agent's code is."""
    port = int(running.listener("egress").rpartition(":")[2])
    run = running.state.parent / "run"
    given = variables(listen=Tcp("127.0.0.1", port), run=run, handle=(run / "token").read_text(), aws=False)
    ours = {name: value for name, value in given.items() if value is not None}
    kept = {name: value for name, value in os.environ.items() if name not in given}
    return {**kept, **ours, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}


@contextmanager
def agent(kind: str, issuer: Issuer, world: World, folder: Path) -> Iterator[tuple[Running, Child]]:
    """The how-to's agent of that *kind*, with a sidecar before it."""
    words, command = AGENTS[kind]
    port = free_port()
    (folder / "agent.py").write_text(example("how-to/sdk.md", words))
    with (
        serving(configured(issuer, world, port), folder) as running,
        child(command(port), folder, kind, env=environ(running, folder)) as process,
    ):
        process.said(rf"http://127\.0\.0\.1:{port}")
        yield running, process


@pytest.fixture(scope="module", params=sorted(AGENTS))
def running(
    request: pytest.FixtureRequest, issuer: Issuer, world: World, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    with agent(request.param, issuer, world, tmp_path_factory.mktemp(request.param)) as (running, _):
        yield running


async def agenda(client: aiohttp.ClientSession, running: Running, issuer: Issuer, user: str) -> dict[str, Any]:
    async with client.get(f"{running.url}/agenda", headers=bearer(issuer.token(user))) as answer:
        assert answer.status == 200, await answer.text()
        document: dict[str, Any] = await answer.json()
        return document


async def test_every_callers_calls_are_their_own(
    running: Running, issuer: Issuer, world: World, client: aiohttp.ClientSession
) -> None:
    world.requests.clear()
    answers = await asyncio.gather(*(agenda(client, running, issuer, user) for user in USERS * 3))
    for user, answer in zip(USERS * 3, answers, strict=True):
        assert (answer["for"], answer["agenda"]["target"]) == (user, f"/of/{user}")
    assert len({answer["key"] for answer in answers}) == len(USERS)
    # What the record says of each call that left: whose it was, and which calendar was asked for.
    await running.event(lambda _: len(list(left(running))) == len(answers))
    assert Counter(left(running)) == Counter(dict.fromkeys([(user, f"/of/{user}") for user in USERS], 3))


def left(running: Running) -> Iterator[tuple[str, str]]:
    """Subject and path of every call that left with a credential."""
    for event in running.events():
        if event["name"] == "identity.credential_attached":
            attributes = event["attributes"]
            yield attributes["identity.principal.subject"], attributes["url.path"]


async def test_the_world_sees_the_credential_and_nothing_of_ours(
    running: Running, issuer: Issuer, world: World, client: aiohttp.ClientSession
) -> None:
    world.requests.clear()
    await agenda(client, running, issuer, "alice")
    (seen,) = world.requests
    assert (seen.host, seen.target) == (HOST, "/of/alice")
    assert seen.values("authorization") == [f"Bearer {KEY}"]
    ours = [name for name, value in seen.headers if name.lower().startswith(("x-identity", "proxy-")) or "ih_" in value]
    assert ours == []


async def test_the_agent_knows_nobody_of_whom_the_sidecar_does_not(
    running: Running, client: aiohttp.ClientSession
) -> None:
    async with client.get(f"{running.url}/agenda", headers={"X-Identity-Subject": "alice"}) as answer:
        assert answer.status == 401


# every hook, in this process


@pytest.fixture(scope="module")
def echoing(issuer: Issuer, fastapi: str, world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Before an agent that tells what it was told: so a test has the handles of calls."""
    configuration = {**configured(issuer, world, 0), "agent": {"name": "echo", "url": fastapi}}
    with serving(configuration | {"invocation": {"linger": "10m"}}, tmp_path_factory.mktemp("echo")) as running:
        yield running


@pytest.fixture
async def handles(echoing: Running, issuer: Issuer, client: aiohttp.ClientSession) -> dict[str, str]:
    """A handle for each user."""
    found = {}
    for user in USERS:
        async with client.get(f"{echoing.url}/echo", headers=bearer(issuer.token(user))) as answer:
            said = {name.lower(): value for name, value in (await answer.json())["headers"]}
            found[user] = said["x-identity-invocation"]
    return found


@pytest.fixture
def bundle(echoing: Running, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The agent's environment is this process's; its bundle."""
    for name, value in environ(echoing, tmp_path).items():
        monkeypatch.setenv(name, value)
    return str(echoing.state.parent / "run" / "ca-bundle.pem")


@asynccontextmanager
async def asynchronously(client: T) -> AsyncIterator[T]:
    """A client that blocks, among others that don't."""
    with client:
        yield client


async def test_each_hook_binds_every_call_to_its_own_caller(
    echoing: Running, handles: Mapping[str, str], bundle: str, world: World
) -> None:
    trusted = ssl.create_default_context(cafile=bundle)
    before = len([*left(echoing)])
    async with (
        asynchronously(httpx.Client(transport=sdk.httpx_transport())) as blocking,
        asynchronously(requests.Session()) as session,
        httpx.AsyncClient(transport=sdk.httpx_async_transport()) as several,
        aiohttp.ClientSession(
            middlewares=[sdk.aiohttp_middleware()], connector=aiohttp.TCPConnector(ssl=trusted)
        ) as aio,
    ):
        session.mount("https://", sdk.requests_adapter())
        world.requests.clear()

        async def calls(user: str) -> None:
            url = world.url(HOST, f"/of/{user}")
            with sdk.invocation(handles[user]):
                for _ in range(2):
                    answers = await asyncio.gather(
                        several.get(f"{url}/httpx"),
                        asyncio.to_thread(blocking.get, f"{url}/blocking"),
                        asyncio.to_thread(session.get, f"{url}/requests"),
                        several.get(f"{os.environ['SIDECAR_URL']}/to/calendar/{user}/prefix"),
                    )
                    assert [answer.status_code for answer in answers] == [200] * 4
                    async with aio.get(f"{url}/aiohttp") as answer:
                        assert answer.status == 200

        await asyncio.gather(*map(calls, USERS))
    wanted = len(USERS) * 2 * 5
    await echoing.event(lambda _: len([*left(echoing)]) - before == wanted)
    for subject, path in [*left(echoing)][before:]:
        assert f"/{subject}/" in path
    assert len(world.requests) == wanted
    assert {tuple(seen.values("authorization")) for seen in world.requests} == {(f"Bearer {KEY}",)}
    assert not [
        seen for seen in world.requests if "ih_" in str(seen.headers) or "x-identity" in str(seen.headers).lower()
    ]
