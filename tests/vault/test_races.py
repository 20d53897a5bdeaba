"""What holds among several processes, and for one that dies at any moment."""

import asyncio
import logging
import secrets
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from uuid import uuid4

import pytest

from sidecar.errors import VaultUnavailable
from sidecar.secret import Secret
from sidecar.vault.grant import Grant
from sidecar.vault.postgres import PostgresStore
from sidecar.vault.sqlite import SqliteStore
from sidecar.vault.vault import Vault
from tests.child import ROOT
from tests.database import Database
from tests.fuzzing import LONG
from tests.vault.grants import ALICE, grant
from tests.vault.provider import Provider
from tests.vault.vaults import opened


async def racer(url: str, folder: Path, socket: Path, callers: int) -> Process:
    arguments = [url, str(folder), str(socket), str(callers)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.vault.racer", *arguments, stdin=PIPE, stdout=PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


async def say(processes: list[Process]) -> list[str]:
    """A line to each, and the line that each answers."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"\n")
    return [(await process.stdout.readline()).decode().strip() for process in processes if process.stdout is not None]


async def end(processes: list[Process]) -> None:
    for process in processes:
        process.kill()
        await process.wait()


def provider_of(one: Grant, seconds: float) -> Provider:
    assert one.refresh_token is not None
    return Provider(one.refresh_token, seconds=seconds)


@pytest.mark.slow
@pytest.mark.timeout(900 if LONG else 60)
async def test_many_processes_with_one_database_ask_once_a_round(database: Database, tmp_path: Path) -> None:
    count, callers, rounds = (8, 200, 200) if LONG else (4, 50, 5)
    url = database.url(f"t{uuid4().hex}")
    async with opened(PostgresStore(Secret(url)), tmp_path / "own") as vault:
        provider = provider_of(await vault.put(grant()), seconds=0.05)
        server = await provider.serve(tmp_path / "provider")
        processes = [
            await racer(url, tmp_path / str(number), tmp_path / "provider", callers) for number in range(count)
        ]
        try:
            for turn in range(1, rounds + 1):
                assert await say(processes) == ["known"] * count
                assert await say(processes) == [provider.refresh_token] * count
                assert provider.calls == turn
        finally:
            await end(processes)
            server.close()
            await server.wait_closed()
        assert not provider.dead


@pytest.mark.slow
@pytest.mark.timeout(900 if LONG else 60)
async def test_a_sidecar_that_is_killed_at_any_moment_loses_nothing_that_it_has_told(tmp_path: Path) -> None:
    """What the provider has given is there when the next one starts; or, where the answer wasn't read, what it had
    before. Whatever callers were told is there."""
    kills = 200 if LONG else 12
    url, socket = f"sqlite:{tmp_path / 'vault.db'}", tmp_path / "provider"
    async with opened(SqliteStore(tmp_path / "vault.db"), tmp_path) as vault:
        first = await vault.put(grant())
    provider = provider_of(first, seconds=0.002)
    server = await provider.serve(socket)
    unread = 0
    for _ in range(kills):
        before = provider.refresh_token
        process = await racer(url, tmp_path, socket, 1)
        assert await say([process]) == ["known"]
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"\n")
        await asyncio.sleep(secrets.randbelow(20_000) / 1e6)
        process.send_signal(signal.SIGKILL)
        told = (await process.stdout.read()).decode().strip()
        await process.wait()
        async with opened(SqliteStore(tmp_path / "vault.db"), tmp_path) as vault:
            (now,) = await vault.of(ALICE)
            assert now.refresh_token is not None
            assert now.refresh_token.reveal() in {before, provider.refresh_token}
            assert now.refresh_token.reveal() == provider.refresh_token or not told
            if now.refresh_token.reveal() != provider.refresh_token:
                unread += 1
                again = await vault.put(grant(number=provider.number + 1))  # the user agrees anew
                provider = provider_of(again, seconds=0.002)
                server.close()
                socket.unlink(missing_ok=True)
                server = await provider.serve(socket)
    server.close()
    assert unread < kills
    logging.getLogger(__name__).info("%d killed, %d before the answer was read", kills, unread)


@pytest.mark.slow
@pytest.mark.timeout(180 if LONG else 60)
async def test_a_database_that_is_away_is_refused_at_once_and_used_again_within_five_seconds(tmp_path: Path) -> None:
    database = await asyncio.to_thread(Database)
    try:
        async with opened(PostgresStore(Secret(database.url("vault"))), tmp_path) as vault:
            known = await vault.put(grant())
            provider = provider_of(known, seconds=0.05)

            async def renew(current: Grant) -> Grant:
                await asyncio.to_thread(database.stop)  # while the provider answers
                return await provider.renew(current)

            known = await vault.refresh(known, renew)
            until = asyncio.get_running_loop().time() + (60 if LONG else 2)
            while asyncio.get_running_loop().time() < until:
                with pytest.raises(VaultUnavailable) as raised:
                    async with asyncio.timeout(1):
                        await vault.refresh(known, provider.renew)
                assert raised.value.retry_after == 1
                await asyncio.sleep(0.2)
            await asyncio.to_thread(database.start)
            async with asyncio.timeout(5):
                while (await _tried(vault, known, provider)) is None:  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.1)
            assert provider.calls == 2
            assert not provider.dead
            (now,) = await vault.of(ALICE)
            assert now.version == known.version + 1
    finally:
        await asyncio.to_thread(database.close)


async def _tried(vault: Vault, known: Grant, provider: Provider) -> Grant | None:
    try:
        return await vault.refresh(known, provider.renew)
    except VaultUnavailable:
        return None
