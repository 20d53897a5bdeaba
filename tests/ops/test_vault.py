"""What the commands ask of the vault, over a real control socket."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sidecar.identity.principal import Kind, Principal
from sidecar.ops import client, control, report
from sidecar.ops.vault import Kept, document, routes
from sidecar.vault.grant import Grant
from sidecar.vault.rotation import Rotation
from sidecar.vault.store import Unusable
from sidecar.vault.vault import Vault
from tests.ops.conftest import ServeUnix
from tests.ops.test_control import Running
from tests.vault.faulty import FaultyStore
from tests.vault.grants import ALICE, BOB, grant
from tests.vault.vaults import opened


@pytest.fixture
def store() -> FaultyStore:
    return FaultyStore()


@pytest.fixture
async def vault(store: FaultyStore, tmp_path: Path) -> AsyncIterator[Vault]:
    async with opened(store, tmp_path) as vault:
        yield vault


@pytest.fixture
async def socket(vault: Vault, serve_unix: ServeUnix) -> AsyncIterator[Path]:
    async def disconnect(grants: Sequence[Grant]) -> list[tuple[Grant, bool]]:
        for one in grants:
            await vault.remove(one)
        return [(one, one.place.owner == ALICE) for one in grants]  # whose provider revokes

    async def admit(path: Path) -> str:
        if path.name != "key":
            raise Unusable(f"{path} holds no key")
        return "0123456789abcdef"

    async with asyncio.TaskGroup() as tasks:
        kept = Kept(vault, Rotation(vault.rows, clock=time.time, tasks=tasks), disconnect, admit)
        running = Running()
        yield await serve_unix(control.application(status=running.status, reload=running.reload, more=routes(kept)))


async def ask(path: Path, method: str, target: str) -> dict[str, Any]:
    return await asyncio.to_thread(client.ask, path, method, target)


async def test_grants_are_listed_without_any_token(vault: Vault, socket: Path) -> None:
    await vault.put(grant(BOB))
    await vault.used(await vault.put(grant(ALICE, "a", "b")), "travel-agent")
    answer = await ask(socket, "GET", "/grants")

    assert {one["subject"] for one in answer["grants"]} == {ALICE.subject, BOB.subject}
    assert "token-" not in str(answer)
    lines = "\n".join(report.grants(answer, time.time()))
    assert "alice-7f2c@users.mail.example at https://accounts.example: a b" in lines
    assert "by travel-agent" in lines
    assert "not used yet" in lines
    assert lines.endswith("2 grants")


async def test_a_dead_grant_says_why(vault: Vault, socket: Path) -> None:
    await vault.latch(await vault.put(grant()), "invalid_grant")

    assert "dead: invalid_grant" in "\n".join(report.grants(await ask(socket, "GET", "/grants"), time.time()))


async def test_one_grant_is_revoked_by_its_id(vault: Vault, socket: Path) -> None:
    await vault.put(grant(ALICE, "a"))
    kept = await vault.put(grant(ALICE, "b"))
    await vault.put(grant(BOB))
    answer = await ask(socket, "DELETE", f"/grants?grant={kept.place.id}")

    assert [one["scopes"] for one in answer["revoked"]] == [["b"]]
    assert "its provider has revoked it" in "\n".join(report.revoked(answer))
    assert len((await ask(socket, "GET", "/grants"))["grants"]) == 2


async def test_everything_of_a_principal_is_revoked(vault: Vault, socket: Path) -> None:
    for scope in ("a", "b"):
        await vault.put(grant(BOB, scope))
    kept = await vault.put(grant(ALICE))
    principal = Principal(BOB.issuer_url, BOB.tenant, BOB.subject, "okta", Kind.USER)
    answer = await ask(socket, "DELETE", f"/grants?principal={principal.id}")

    assert "2 grants revoked" in "\n".join(report.revoked(answer))
    assert "has not been told" in "\n".join(report.revoked(answer))
    assert await vault.of(ALICE) == [kept]
    assert await ask(socket, "DELETE", "/grants?grant=&principal=") == {"revoked": []}


async def test_keys_are_rotated_and_told_how_far(vault: Vault, socket: Path) -> None:
    await vault.put(grant())
    assert (await ask(socket, "GET", "/keys/rotation"))["finished"] is False
    answer = await ask(socket, "POST", "/keys/rotation")
    for _ in range(100):
        if answer["finished"]:
            break
        await asyncio.sleep(0.02)
        answer = await ask(socket, "GET", "/keys/rotation")

    assert report.rotation(answer) == f"key {answer['key']} (begun): 1 of 1 rows; finished"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "key ab (begun): 3 of 7 rows"),
        ({"resumed": True}, "key ab (goes on): 3 of 7 rows"),
        ({"failure": "it is away"}, "key ab (begun): 3 of 7 rows; not finished: it is away"),
        ({"key": ""}, "key … (begun): 3 of 7 rows"),
    ],
)
def test_how_far_a_rotation_is(changes: dict[str, Any], said: str) -> None:
    progress = {"key": "ab", "resumed": False, "total": 7, "done": 3, "refused": 0, "finished": False, "failure": ""}

    assert report.rotation(progress | changes) == said


async def test_another_state_key_is_admitted_or_told_why_not(socket: Path) -> None:
    assert await ask(socket, "POST", "/keys/admission?file=/run/key") == {"admitted": "0123456789abcdef"}
    assert await ask(socket, "POST", "/keys/admission?file=/run/none") == {"failure": "/run/none holds no key"}


async def test_a_vault_that_is_away_is_told(socket: Path, store: FaultyStore) -> None:
    store.away = True

    assert await ask(socket, "GET", "/grants") == {"failure": "it is away"}


def test_a_document_of_a_grant_has_its_ids() -> None:
    one = document(replace(grant(), account="17", label=""))

    assert one["id"].startswith("g_")
    assert one["principal"].startswith("p_")
    assert one["account"] == "17"
