"""An issuer that is away: callers whose keys are known don't notice, the others are told quickly, and it heals."""

import socket
import time
from contextlib import closing
from pathlib import Path

import aiohttp

from tests.journeys.given import bearer, given
from tests.journeys.issuer import Issuer
from tests.journeys.issuer import issuer as serve_issuer
from tests.journeys.patience import SLACK, until
from tests.running import Running, sidecar


async def status(client: aiohttp.ClientSession, url: str, token: str | None = None) -> int:
    async with client.get(url, headers=bearer(token) if token else {}) as response:
        return response.status


def free_port() -> int:
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
        return port


async def test_with_no_key_ever_had_the_answer_is_a_503_within_a_second_until_the_issuer_is_there(
    fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    port = free_port()
    absent = Issuer(f"http://127.0.0.1:{port}")
    async with sidecar(given(absent, fastapi), tmp_path) as running:
        assert await status(client, f"{running.health}/livez") == 200
        assert await status(client, f"{running.health}/readyz") == 503
        began = time.monotonic()
        async with client.get(running.url + "/echo", headers=bearer(absent.token())) as response:
            assert time.monotonic() - began < 1.0 * SLACK
            assert response.status == 503
            assert response.headers["Sidecar-Error"] == "issuer_unreachable"
        with serve_issuer(port) as present:
            token = present.token()
            assert await until(lambda: _is(client, running, token, 200), 15.0)
            assert await status(client, f"{running.health}/readyz") == 200


async def _is(client: aiohttp.ClientSession, running: Running, token: str, wanted: int) -> bool:
    return await status(client, running.url + "/echo", token) == wanted


async def test_known_keys_go_on_through_an_outage_and_a_reload_in_it(
    fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    with serve_issuer() as there:
        configuration = given(there, fastapi, jwks={"refresh": "1m"})
        tokens = [there.token(f"person-{number}") for number in range(3)]
    async with sidecar(configuration, tmp_path) as running:
        assert await status(client, running.url + "/echo", tokens[0]) == 503, "the issuer is away already"
    with serve_issuer(int(there.url.rsplit(":", 1)[1])) as again:
        again.key = there.key
        async with sidecar(configuration, tmp_path) as running:
            assert await status(client, running.url + "/echo", tokens[0]) == 200
            again.away = True
            running.write(given(there, fastapi, jwks={"refresh": "1m"}, inbound={"public": ["/echo/public"]}))
            running.reload()
            assert await until(lambda: _public(client, running), 10.0)
            assert await status(client, running.url + "/echo", tokens[1]) == 200
            assert await status(client, f"{running.health}/readyz") == 200


async def _public(client: aiohttp.ClientSession, running: Running) -> bool:
    return await status(client, running.url + "/echo/public") == 200
