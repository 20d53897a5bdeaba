"""A configuration that changes under a running sidecar: taken whole or not at all; what it removes is gone."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.journeys.given import bearer, given
from tests.journeys.handmade import always, listening
from tests.journeys.issuer import Issuer
from tests.journeys.issuer import issuer as serve_issuer
from tests.journeys.seen import seen
from tests.running import Running, sidecar


@pytest.fixture(scope="module")
def other() -> Iterator[Issuer]:
    """A second issuer, configured beside the first."""
    with serve_issuer() as served:
        yield served


def two(issuer: Issuer, other: Issuer, agent: str, **more: Any) -> dict[str, Any]:
    return given(issuer, agent, issuers={"partner": other.configured}, **more)


async def status(client: aiohttp.ClientSession, running: Running, token: str | None, path: str = "/echo") -> int:
    async with client.get(running.url + path, headers=bearer(token) if token else {}) as response:
        return response.status


async def becomes(
    client: aiohttp.ClientSession, running: Running, token: str | None, wanted: int, path: str = "/echo"
) -> float:
    """Seconds until the answer is *wanted*."""
    began = time.monotonic()
    while (got := await status(client, running, token, path)) != wanted:
        assert time.monotonic() - began < 10, f"still {got}\n{running.stderr}"
        await asyncio.sleep(0.01)
    return time.monotonic() - began


async def reloaded(running: Running, text: str) -> None:
    running.reload()
    await running.said(text)


async def test_a_good_file_is_taken_and_what_is_open_runs_on(
    issuer: Issuer, fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with sidecar(given(issuer, fastapi), tmp_path) as running:
        url = f"{running.url}/events?n=20&pause=0.05"
        async with client.get(url, headers=bearer(issuer.token())) as response:
            await response.content.readline()
            running.write(given(issuer, fastapi, inbound={"public": ["/echo"]}))
            running.reload()
            await becomes(client, running, None, 200)
            assert (await response.read()).endswith(b"id: 19\ndata: 19 \n\n")
        changed = await running.event(lambda event: event["attributes"].get("identity.outcome") == "reloaded")
    assert changed["name"] == "sidecar.config_changed"
    assert len(changed["attributes"]["sidecar.config.digest"]) == 64


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("inbuond: {}\n", "inbound"),
        ("agent: {name: a, url: 'ftp://x'}\n", "agent.url"),
        ("agent: [\n", "sidecar.yaml"),
        ("", "agent"),
    ],
    ids=["unknown key", "bad value", "no YAML", "empty"],
)
async def test_a_bad_file_keeps_the_old_one_running_and_says_why(
    issuer: Issuer, fastapi: str, client: aiohttp.ClientSession, tmp_path: Path, text: str, said: str
) -> None:
    async with sidecar(given(issuer, fastapi), tmp_path) as running:
        assert await status(client, running, issuer.token()) == 200
        good = running.config.read_text()
        running.config.write_text(text)
        await reloaded(running, "the old one stays in force")
        assert said in running.stderr
        assert await status(client, running, issuer.token()) == 200
        running.config.write_text(good)
        await reloaded(running, "nothing has changed")


async def test_a_file_that_anyone_may_write_is_not_taken(
    issuer: Issuer, fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with sidecar(given(issuer, fastapi), tmp_path) as running:
        running.write(given(issuer, fastapi, inbound={"public": ["/echo"]}))
        running.config.chmod(0o666)
        await reloaded(running, "the old one stays in force")
        assert await status(client, running, None) == 401


async def test_a_removed_issuer_loses_its_tokens_within_a_second(
    issuer: Issuer, other: Issuer, fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    stays, goes = issuer.token(), other.token()
    async with sidecar(two(issuer, other, fastapi), tmp_path) as running:
        assert [await status(client, running, token) for token in (stays, goes)] == [200, 200]
        running.write(given(issuer, fastapi))
        running.reload()
        assert await becomes(client, running, goes, 401) < 1.0 * 3
        assert await status(client, running, stays) == 200


async def test_a_changed_issuer_judges_its_tokens_anew(
    issuer: Issuer, other: Issuer, fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    token = other.token()
    async with sidecar(two(issuer, other, fastapi), tmp_path) as running:
        assert await status(client, running, token) == 200
        changed = two(issuer, other, fastapi)
        changed["issuers"]["partner"] = {**other.configured, "audience": "another"}
        running.write(changed)
        running.reload()
        assert await becomes(client, running, token, 401) < 1.0 * 3
        assert await status(client, running, other.token(aud="another")) == 200


async def test_who_may_call_is_judged_anew_for_tokens_already_seen(
    issuer: Issuer, fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    token = issuer.token(groups=["support"])
    async with sidecar(given(issuer, fastapi), tmp_path) as running:
        assert await status(client, running, token) == 200
        running.write(given(issuer, fastapi, inbound={"who": {"groups": ["sales"]}}))
        running.reload()
        await becomes(client, running, token, 403)


async def test_another_agent_gets_the_next_call(
    issuer: Issuer, fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with sidecar(given(issuer, fastapi), tmp_path) as running:
        assert await status(client, running, issuer.token()) == 200
        async with listening(always(b"HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n")) as url:
            running.write(given(issuer, url))
            running.reload()
            await becomes(client, running, issuer.token(), 418)


async def test_what_needs_a_restart_is_said_and_the_rest_is_taken(
    issuer: Issuer, fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with sidecar(given(issuer, fastapi), tmp_path) as running:
        more: dict[str, Any] = {
            "inbound": {"listen": "127.0.0.1:1", "public": ["/echo"]},
            "health": {"listen": "127.0.0.1:2"},
            "state": {"dir": str(tmp_path / "elsewhere")},
        }
        running.write(given(issuer, fastapi, **more))
        await reloaded(running, "the configuration was read again: taken")
        for key in ("inbound.listen", "health.listen", "state"):
            assert f"{key} has changed: that needs a restart" in running.stderr
        await becomes(client, running, None, 200)


async def test_no_call_is_lost_to_reloads(
    issuer: Issuer, fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    statuses: list[int] = []
    async with sidecar(given(issuer, fastapi), tmp_path) as running:
        stopped = asyncio.Event()

        async def call(number: int) -> None:
            token = issuer.token(f"person-{number}")
            while not stopped.is_set():
                statuses.append(await status(client, running, token))

        async with asyncio.TaskGroup() as group:
            for number in range(4):
                group.create_task(call(number))
            for number in range(8):
                running.write(given(issuer, fastapi, inbound={"public": [f"/public/{number}"]}))
                running.reload()
                await becomes(client, running, None, 404, f"/public/{number}")
            stopped.set()
    assert len(statuses) > 20
    assert set(statuses) == {200}


async def test_the_command_tells_what_became_of_a_reload(issuer: Issuer, fastapi: str, tmp_path: Path) -> None:
    async with sidecar(given(issuer, fastapi), tmp_path) as running:
        running.write(given(issuer, fastapi, inbound={"public": ["/echo"], "listen": "127.0.0.1:1"}))
        code, answer = await command(running)
        assert (code, answer["taken"], answer["changed"]) == (0, True, True)
        assert answer["restart"] == ["inbound.listen"]
        socket = running.state / "control.sock"
        running.config.write_text("inbuond: {}\n")
        code, answer = await command(running, "--socket", str(socket))
        assert (code, answer["taken"]) == (2, False)
        assert any("inbuond" in problem for problem in answer["problems"])


async def command(running: Running, *more: str) -> tuple[int | None, dict[str, Any]]:
    argv = ["-m", "sidecar", "reload", "--json", "--config", str(running.config), *more]
    process = await asyncio.create_subprocess_exec(sys.executable, *argv, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    return process.returncode, json.loads(out)


# watch


@asynccontextmanager
async def watching(issuer: Issuer, agent: str, tmp_path: Path, **more: Any) -> AsyncIterator[Running]:
    async with sidecar(given(issuer, agent, reload="watch", **more), tmp_path) as running:
        await asyncio.sleep(0.5)  # until the kernel has been told what to watch
        yield running


async def test_a_watched_file_is_taken_when_it_changes(
    issuer: Issuer, fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with watching(issuer, fastapi, tmp_path) as running:
        assert await status(client, running, None) == 401
        running.write(given(issuer, fastapi, reload="watch", inbound={"public": ["/echo"]}))
        await becomes(client, running, None, 200)
        fresh = running.config.with_suffix(".new")
        running.write(given(issuer, fastapi, reload="watch"))
        fresh.write_bytes(running.config.read_bytes())
        fresh.replace(running.config)
        await becomes(client, running, None, 401)


async def test_a_value_that_lives_in_a_file_is_watched_too(
    issuer: Issuer, fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """As Kubernetes mounts it: a link into a folder that is exchanged whole."""
    mount = tmp_path / "mount"
    for version, audience in (("v1", "travel"), ("v2", "another")):
        (mount / version).mkdir(parents=True)
        (mount / version / "audience").write_text(audience)
    (mount / "..data").symlink_to("v1")
    (mount / "audience").symlink_to("..data/audience")
    shop = {**issuer.configured, "audience": {"file": str(mount / "audience")}}
    async with watching(issuer, fastapi, tmp_path, issuers={"shop": shop}) as running:
        token = issuer.token()
        assert await status(client, running, token) == 200
        (mount / "..new").symlink_to("v2")
        (mount / "..new").replace(mount / "..data")
        await becomes(client, running, token, 401)
        assert await status(client, running, issuer.token(aud="another")) == 200


async def test_a_watched_file_that_is_bad_keeps_the_old_one(
    issuer: Issuer, fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with watching(issuer, fastapi, tmp_path) as running:
        running.config.write_text("agent: {}\n")
        await running.said("the old one stays in force")
        assert await status(client, running, issuer.token()) == 200
        running.write(given(issuer, fastapi, reload="watch", agent={"forward_authorization": True}))
        token = issuer.token()

        async def forwarded() -> bool:
            return "authorization" in await seen(client, running, token)

        deadline = time.monotonic() + 10
        while not await forwarded():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
