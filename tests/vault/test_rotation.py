import asyncio
import logging
import random
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from sidecar.secret import Secret
from sidecar.vault.grant import Grant, Owner
from sidecar.vault.keys import Wrapper
from sidecar.vault.rotation import Progress, Rotation, rotate, wrap
from sidecar.vault.rows import Rows
from sidecar.vault.sqlite import SqliteStore
from sidecar.vault.store import Unusable
from sidecar.vault.stores import store as store_at
from sidecar.vault.vault import Vault
from tests.child import ROOT
from tests.fuzzing import LONG
from tests.vault.faulty import FaultyStore
from tests.vault.grants import ALICE, BOB, grant
from tests.vault.vaults import WRAPPER, derived, opened

log = logging.getLogger(__name__)


@pytest.fixture
def store() -> FaultyStore:
    return FaultyStore()


@pytest.fixture
async def vault(store: FaultyStore, tmp_path: Path) -> AsyncIterator[Vault]:
    async with opened(store, tmp_path) as vault:
        for number in range(30):
            await vault.put(grant(ALICE, f"scope-{number}"))
        yield vault


async def test_every_row_is_sealed_anew_and_the_old_key_is_gone(vault: Vault, store: FaultyStore) -> None:
    before, old = await vault.of(ALICE), (await vault.rows.sealing()).keys.newest
    progress = Progress()
    await rotate(vault.rows, time.time, progress)

    new = (await vault.rows.sealing()).keys.newest
    assert progress == Progress(key=new.hex(), total=30, done=30, finished=True)
    assert {row.key for row in store._rows.values()} == {new} != {old}
    assert old not in {key.id for key in await store.keys()}
    assert await vault.of(ALICE) == before


async def test_what_was_copied_before_is_refused_afterwards(vault: Vault, store: FaultyStore) -> None:
    stolen = dict(store._rows)
    await rotate(vault.rows, time.time, Progress())
    store._rows = stolen

    assert await vault.of(ALICE) == []


async def test_no_read_fails_and_no_write_is_lost_meanwhile(vault: Vault, store: FaultyStore, tmp_path: Path) -> None:
    async with opened(store, tmp_path / "other") as other:  # which learns of the keys as it meets them
        rotation = asyncio.ensure_future(rotate(vault.rows, time.time, Progress()))
        turns = 0
        while not rotation.done() or turns < 3:
            for one in (vault, other):
                assert len(await one.of(ALICE)) == 30
                await one.put(grant(BOB, number=turns))
            turns += 1
            if turns % 3 == 0 and rotation.done() and turns < 12:
                rotation = asyncio.ensure_future(rotate(vault.rows, time.time, Progress()))
        await rotation
        for one in (vault, other):
            (bob,) = await one.of(BOB)
            assert bob.refresh_token == grant(BOB, number=turns - 1).refresh_token


def each(number: int) -> Grant:
    return grant(Owner("https://idp.example", "acme", f"user-{number}"))


async def filled(vault: Vault, count: int) -> None:
    """As many users' grants, many at a time: SQLite takes longer to sync each than to write it."""
    for begin in range(0, count, 500):
        await asyncio.gather(*[vault.put(each(number)) for number in range(begin, min(begin + 500, count))])


@pytest.mark.slow
@pytest.mark.timeout(1800 if LONG else 60)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_a_full_vault_is_sealed_anew_and_every_read_finds_what_it_looks_for(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Whether they read in this sidecar, or in another one of the fleet, which learns of the keys as it meets them."""
    count = 100_000 if LONG else 150
    url = f"sqlite:{tmp_path / 'vault.db'}" if kind == "sqlite" else request.getfixturevalue("url").reveal()
    kept = store_at(Secret(url), tmp_path)
    async with AsyncExitStack() as stack:
        vault = await stack.enter_async_context(opened(kept, tmp_path))
        sidecars = [vault]
        if kind == "postgresql":  # a file has one user
            theirs = store_at(Secret(url), tmp_path)
            sidecars.append(await stack.enter_async_context(opened(theirs, tmp_path / "other")))
        await filled(vault, count)
        old, reads = (await vault.rows.sealing()).keys.newest, 0
        progress, begun, slowest = Progress(), time.monotonic(), 0.0
        rotation = asyncio.ensure_future(rotate(vault.rows, time.time, progress))
        while not rotation.done():
            for one in sidecars:
                number, asked = random.randrange(count), time.monotonic()
                (found,) = await one.of(each(number).place.owner)
                assert found.refresh_token == each(number).refresh_token
                reads, slowest = reads + 1, max(slowest, time.monotonic() - asked)
        await rotation
        took = time.monotonic() - begun
        log.info("%s: %d in %.1f s, %d reads, %.3f s at most", kind, count, took, reads, slowest)
        assert (progress.total, progress.done, progress.refused, progress.finished) == (count, count, 0, True)
        assert reads > 10
        new = (await vault.rows.sealing()).keys.newest
        assert old != new
        assert await kept.left(new) == 0
        assert old not in {key.id for key in await kept.keys()}


async def test_one_that_was_interrupted_is_gone_on_with(vault: Vault, store: FaultyStore) -> None:
    progress = Progress()
    rotation = asyncio.ensure_future(rotate(vault.rows, time.time, progress))
    while progress.done < 10:  # noqa: ASYNC110 - nobody tells how far it is
        await asyncio.sleep(0)
    rotation.cancel()
    await asyncio.gather(rotation, return_exceptions=True)
    assert len(await vault.of(ALICE)) == 30
    again = Progress()
    await rotate(Rows(store, WRAPPER, time.time), time.time, again)

    assert (again.resumed, again.finished, again.key) == (True, True, progress.key)
    assert again.done <= 20
    assert len(await vault.of(ALICE)) == 30
    assert len(await store.keys()) == 2


async def test_a_row_that_can_not_be_opened_stays_and_is_told(vault: Vault, store: FaultyStore) -> None:
    row = next(iter(store._rows.values()))
    store._rows[row.id] = replace(row, sealed=b"damaged")
    async with asyncio.TaskGroup() as tasks:
        rotation = Rotation(vault.rows, clock=time.time, tasks=tasks)
        rotation.begin()

    assert rotation.progress.document() == {
        "key": rotation.progress.key,
        "resumed": False,
        "total": 30,
        "done": 29,
        "refused": 1,
        "finished": False,
        "failure": "1 rows can't be opened: the old key stays for them",
    }
    assert len(await vault.of(ALICE)) == 29


async def test_one_runs_at_a_time_and_tells_why_it_ended(vault: Vault, store: FaultyStore) -> None:
    async with asyncio.TaskGroup() as tasks:
        rotation = Rotation(vault.rows, clock=time.time, tasks=tasks)
        first = rotation.begin()
        assert rotation.begin() is first
        await asyncio.sleep(0)
        store.away = True
    assert first.failure == "it is away"
    store.away = False
    async with asyncio.TaskGroup() as tasks:
        rotation = Rotation(vault.rows, clock=time.time, tasks=tasks)
        assert rotation.begin() is not first
        await rotation.close()
    assert len(await vault.of(ALICE)) == 30


async def test_a_new_state_key_opens_what_is_wrapped_for_it_and_in_the_end_it_alone(
    store: FaultyStore, tmp_path: Path
) -> None:
    new = Wrapper(derived(b"a new state key"))
    async with opened(store, tmp_path) as vault:
        kept = await vault.put(grant())
        assert await wrap(vault.rows, new) == 2
    for wrapper in (WRAPPER, new):
        async with opened(store, tmp_path, wrapper) as vault:
            assert await vault.of(ALICE) == [kept]
    async with opened(store, tmp_path, new) as vault:
        await rotate(vault.rows, time.time, Progress())
        assert await vault.of(ALICE) == [kept]

    with pytest.RaisesGroup(pytest.RaisesExc(Unusable, match=f"sealed by the state key {new.id}")):
        async with opened(store, tmp_path):
            raise AssertionError


ROTATING = """
import asyncio, sys, time
from pathlib import Path
from sidecar.vault.rotation import Progress, rotate
from sidecar.vault.sqlite import SqliteStore
from tests.vault.vaults import opened

async def main(folder):
    async with opened(SqliteStore(folder / "vault.db"), folder) as vault:
        sys.stdout.write("ready\\n")
        sys.stdout.flush()
        await rotate(vault.rows, time.time, Progress())

asyncio.run(main(Path(sys.argv[1])))
"""


@pytest.mark.slow
@pytest.mark.timeout(900 if LONG else 60)
async def test_one_that_is_killed_loses_nothing_and_is_gone_on_with(tmp_path: Path) -> None:
    count, kills = (3000, 30) if LONG else (150, 4)
    async with opened(SqliteStore(tmp_path / "vault.db"), tmp_path) as vault:
        for number in range(count):
            await vault.put(grant(ALICE, f"scope-{number}"))
    resumed = 0
    for kill in range(kills):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", ROTATING, str(tmp_path), stdout=asyncio.subprocess.PIPE, cwd=ROOT
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        await asyncio.sleep(0.01 * (kill % 4 + 1))
        if process.returncode is None:
            process.kill()
        await process.wait()
        async with opened(SqliteStore(tmp_path / "vault.db"), tmp_path) as vault:
            assert len(await vault.of(ALICE)) == count
            resumed += len((await vault.rows.sealing()).keys.rows) > 1
    assert resumed
    async with opened(SqliteStore(tmp_path / "vault.db"), tmp_path) as vault:
        progress = Progress()
        await rotate(vault.rows, time.time, progress)
        assert progress.finished
        assert len(await vault.of(ALICE)) == count
