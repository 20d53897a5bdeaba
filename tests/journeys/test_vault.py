"""What operators ask of the vault, through the real commands and a real sidecar."""

import asyncio
import base64
import json
import os
import sys
import time
from asyncio.subprocess import PIPE
from pathlib import Path

from sidecar.keyring.root import kept
from sidecar.vault.keys import Wrapper
from sidecar.vault.sqlite import SqliteStore
from sidecar.vault.vault import Vault
from tests.child import ROOT
from tests.journeys.given import given
from tests.journeys.issuer import Issuer
from tests.running import Running, sidecar
from tests.vault.grants import ALICE, BOB, grant

GRANTING = {"providers": {"google": {"type": "google", "client_id": "id", "client_secret": "a secret of some length"}}}


async def command(running: Running, *arguments: str) -> tuple[int, str, str]:
    argv = [sys.executable, "-m", "sidecar", arguments[0], "--config", str(running.config), *arguments[1:]]
    process = await asyncio.create_subprocess_exec(*argv, stdout=PIPE, stderr=PIPE, cwd=ROOT)
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def put(running: Running) -> None:
    """Two users' grants, while the sidecar is down."""
    async with asyncio.TaskGroup() as tasks:
        wrapper = Wrapper(kept(running.state).derive)
        store = SqliteStore(running.state / "vault.db")
        vault = Vault(store, wrapper, running.state / "refreshes", clock=time.time, tasks=tasks)
        for owner in (ALICE, BOB):
            await vault.put(grant(owner))
        await vault.close()


async def started_with_grants(running: Running) -> None:
    running.stop()
    await put(running)
    await running.again()


async def refused(running: Running) -> None:
    running._child = running._start()
    assert await running.ended() == 1


async def test_grants_are_listed_revoked_and_sealed_under_a_new_key(issuer: Issuer, tmp_path: Path) -> None:
    async with sidecar(given(issuer, "http://127.0.0.1:1", **GRANTING), tmp_path) as running:
        await started_with_grants(running)
        code, out, _ = await command(running, "grants", "list", "--json")
        listed = {one["subject"]: one for one in json.loads(out)["grants"]}
        assert (code, set(listed)) == (0, {ALICE.subject, BOB.subject})
        assert "token-" not in out
        for named in (("--principal", BOB.id), (listed[BOB.subject]["id"],)):
            code, out, _ = await command(running, "grants", "list", "--json", *named)
            assert [one["subject"] for one in json.loads(out)["grants"]] == [BOB.subject]
        code, out, _ = await command(running, "grants", "list", "--principal", "p_nobody")
        assert (code, out) == (0, "0 grants\n")

        code, out, _ = await command(running, "keys", "rotate")
        assert code == 0
        assert out.endswith(": 2 of 2 rows; finished\n")
        code, out, _ = await command(running, "keys", "rotate", "--json")
        assert (code, json.loads(out)["done"]) == (0, 2)

        code, out, _ = await command(running, "grants", "revoke", listed[ALICE.subject]["id"])
        assert code == 0
        assert "forgotten" in out
        code, out, _ = await command(running, "grants", "revoke", "--principal", BOB.id, "--json")
        assert [one["subject"] for one in json.loads(out)["revoked"]] == [BOB.subject]
        code, out, _ = await command(running, "grants", "list")
        assert (code, out) == (0, "0 grants\n")
        code, _, err = await command(running, "grants", "revoke", "g_none")
        assert (code, err) == (0, "sidecar: there is no grant g_none\n")
        code, _, err = await command(running, "grants", "revoke", "--principal", "p_none")
        assert (code, err) == (0, "sidecar: there is no grant of p_none\n")
        code, _, err = await command(running, "grants", "revoke")
        assert code == 1
        assert "name the grants" in err


async def test_a_state_key_is_exchanged_and_a_wrong_one_refused(issuer: Issuer, tmp_path: Path) -> None:
    async with sidecar(given(issuer, "http://127.0.0.1:1", **GRANTING), tmp_path) as running:
        await started_with_grants(running)
        key, new = running.state / "key", tmp_path / "new key"
        new.write_bytes(base64.b64encode(os.urandom(32)))
        old = Wrapper(kept(running.state).derive).id
        running.stop()

        before = key.read_bytes()
        key.write_bytes(new.read_bytes())
        await refused(running)
        assert f"the vault is sealed by the state key {old}" in running.stderr
        key.write_bytes(before)
        await running.again()

        code, _, err = await command(running, "keys", "rotate", "--admit", str(tmp_path / "none"))
        assert code == 1
        assert "holds no state key" in err
        code, out, _ = await command(running, "keys", "rotate", "--admit", str(new))
        assert code == 0
        running.stop()
        key.write_bytes(new.read_bytes())
        (running.state / "ca.sealed").unlink()
        await running.again()
        admitted = Wrapper(kept(running.state).derive).id
        assert out == f"the state key {admitted} opens the vault, too: set it, restart, then rotate\n"
        code, out, _ = await command(running, "grants", "list")
        assert out.endswith("2 grants\n")
        code, _, _ = await command(running, "keys", "rotate")
        assert code == 0
        running.stop()

        key.write_bytes(before)
        await refused(running)
        assert f"the vault is sealed by the state key {admitted}" in running.stderr
