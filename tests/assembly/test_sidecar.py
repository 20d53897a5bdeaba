"""How a sidecar starts: what is said of it while it does."""

import asyncio
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from sidecar.assembly.ground import rooted
from sidecar.assembly.sidecar import Sidecar
from sidecar.settings import load
from tests.running import settings


async def made(given: Mapping[str, Any], folder: Path, tasks: asyncio.TaskGroup) -> Sidecar:
    config = folder / "sidecar.yaml"
    config.write_text(
        yaml.safe_dump(settings({"agent": {"name": "travel", "url": "http://127.0.0.1:1"}, **given}, folder))
    )
    read = load(config, {})
    return Sidecar(read, await rooted(read, {}), config, {}, tasks)


async def test_health_is_not_told_before_the_agents_files_and_the_way_out_are_there(tmp_path: Path) -> None:
    async with asyncio.TaskGroup() as tasks:
        sidecar = await made({}, tmp_path, tasks)
        starting = tasks.create_task(sidecar.start())
        seen = []
        while "health" not in sidecar.listeners:
            seen.append(frozenset(sidecar.listeners))
            await asyncio.sleep(0)
        assert {"inbound"} in seen, "callers need not wait for that"
        assert (tmp_path / "run" / "ca.pem").exists()
        assert "egress" in sidecar.listeners
        await starting
        await sidecar.stop()


async def test_keys_that_do_not_come_hold_up_a_start_for_a_moment_alone(tmp_path: Path) -> None:
    async with asyncio.TaskGroup() as tasks:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            issuer = f"http://127.0.0.1:{silent.getsockname()[1]}"
            issuers = {"issuers": {"staff": {"type": "oidc", "issuer": issuer, "audience": "api://travel"}}}
            sidecar = await made(issuers, tmp_path, tasks)
            began = time.monotonic()
            await sidecar.start()
            assert time.monotonic() - began < 5
            assert sidecar.unready() == ("no issuer's keys were fetched yet: staff",)
            await sidecar.stop()
