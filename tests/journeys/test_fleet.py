"""Two real sidecars that share a vault: one consent for both, and what one takes away is out of use at the other within
a second."""

import asyncio
import base64
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.database import Database
from tests.journeys.granting import Stage, stage
from tests.oidc_provider import SECRET
from tests.running import Running, sidecar

SECONDS = 1.0
SLACK = 1.5
"""What a machine that is busy with other tests may add."""


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    running = Database()
    yield running
    running.close()


@asynccontextmanager
async def fleet(folder: Path, url: str) -> AsyncIterator[tuple[Stage, Running]]:
    shared: dict[str, Any] = {"vault": {"url": url}, "state": {"key": base64.b64encode(os.urandom(32)).decode()}}
    async with stage(folder, **shared) as at:
        given = {**at.given, "consent": {**at.given["consent"], "listen": "127.0.0.1:0"}}
        async with sidecar(given, folder, env={"CLIENT_SECRET": SECRET}) as other:
            try:
                yield at, other
            finally:
                at.done.set()


async def test_what_is_disconnected_at_one_is_out_of_use_at_the_other_within_a_second(
    tmp_path: Path, database: Database
) -> None:
    async with fleet(tmp_path, database.url("fleet")) as (at, other):
        here = await at.handle("alice")
        there = await at.handle("alice", other)
        await at.agree((await at.token(here))[1]["authorization_url"], "alice")
        first = (await at.token(here))[1]["access_token"]
        assert (await at.token(there, other))[1]["access_token"] == first
        used, over = [time.monotonic()], asyncio.Event()

        async def goes_on() -> None:
            while (await at.token(there, other))[0] == 200:
                used.append(time.monotonic())
            over.set()

        going = asyncio.ensure_future(goes_on())
        await asyncio.sleep(0.2)
        assert (await at.ask("DELETE", "/v1/connections/calendar", here))[0] == 204
        done = time.monotonic()
        await asyncio.wait_for(over.wait(), 10)
        await going
        assert len(used) > 10
        assert used[-1] - done < SECONDS + SLACK
        assert (await at.token(there, other))[1]["code"] == "consent_required"
