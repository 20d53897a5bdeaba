import asyncio
import sqlite3
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sidecar.vault.sqlite import SqliteStore
from sidecar.vault.store import Store, Unavailable, Unusable
from tests.vault.store_contract import KEY, StoreContract, row, rows


class TestSqliteStore(StoreContract):
    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[Store]:
        store = SqliteStore(tmp_path / "vault.db")
        yield store
        await store.close()


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


async def test_what_was_swapped_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "vault.db")
    await store.add_keys([KEY])
    await store.swap(row().id, None, row())
    await store.close()
    again = SqliteStore(tmp_path / "vault.db")

    assert await rows(again) == [row()]
    assert await again.keys() == [KEY]
    await again.close()


async def test_its_files_are_its_users_alone(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "vault.db")
    await store.add_keys([KEY])

    assert modes(tmp_path) == dict.fromkeys(["vault.db", "vault.db-wal", "vault.db-shm", "vault.db-lock"], 0o600)
    await store.close()


async def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "vault.db").touch(0o644)
    store = SqliteStore(tmp_path / "vault.db")

    with pytest.raises(Unusable, match="chmod 600"):
        await store.keys()
    await store.close()


async def test_one_file_is_for_one_sidecar(tmp_path: Path) -> None:
    first, second = SqliteStore(tmp_path / "vault.db"), SqliteStore(tmp_path / "vault.db")
    await first.keys()

    with pytest.raises(Unusable, match="another sidecar uses"):
        await second.keys()
    await first.close()
    assert await second.keys() == []
    await second.close()


@pytest.mark.parametrize("content", [b"this is no database" * 100, b"SQLite format 3\0" + b"\xff" * 4096])
async def test_a_file_that_is_no_vault_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "vault.db").touch(0o600)
    (tmp_path / "vault.db").write_bytes(content)
    store = SqliteStore(tmp_path / "vault.db")

    with pytest.raises(Unusable, match="is no vault, or is damaged"):
        await store.keys()
    await store.close()


async def test_a_file_of_a_newer_sidecar_is_refused(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "vault.db")
    await store.keys()
    await store.close()
    with sqlite3.connect(tmp_path / "vault.db") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    store = SqliteStore(tmp_path / "vault.db")

    with pytest.raises(Unusable, match="newer sidecar"):
        await store.keys()
    await store.close()


async def test_a_folder_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "none" / "vault.db")

    with pytest.raises(Unavailable, match="No such file"):
        await store.keys()
    await store.close()


async def test_a_file_that_can_not_grow_is_unavailable_and_works_again_afterwards(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "vault.db")
    await store.add_keys([KEY])
    await store._run(lambda db: db.execute("PRAGMA max_page_count = 1"))
    many = [row(number) for number in range(40)]
    with pytest.raises(Unavailable, match="full"):
        await asyncio.gather(*(store.swap(one.id, None, one) for one in many))

    await store._run(lambda db: db.execute("PRAGMA max_page_count = 100000"))
    kept = len(await rows(store))
    assert await store.swap(many[kept].id, None, many[kept])
    assert len(await rows(store)) == kept + 1
    await store.close()
