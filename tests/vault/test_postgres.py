import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from sidecar.secret import Secret
from sidecar.vault.postgres import PostgresStore
from sidecar.vault.store import Store, Unavailable, Unusable
from tests.database import Database
from tests.vault.store_contract import KEY, StoreContract, row, rows


class TestPostgresStore(StoreContract):
    @pytest.fixture
    async def store(self, url: Secret) -> AsyncIterator[Store]:
        store = PostgresStore(url)
        yield store
        await store.close()


async def test_a_lock_holds_for_all_sidecars_and_ends_with_its_holder(url: Secret) -> None:
    mine, theirs = PostgresStore(url), PostgresStore(url, lock_seconds=1)
    order: list[str] = []

    async def follow() -> None:
        async with theirs.locked(row().id):
            order.append("theirs")

    async with asyncio.TaskGroup() as tasks, mine.locked(row().id):
        tasks.create_task(follow())
        await asyncio.sleep(0.3)
        order.append("mine")
    assert order == ["mine", "theirs"]

    async with mine.locked(row().id):
        with pytest.raises(Unavailable, match="lock"):
            await follow()
        await mine.close()  # as a sidecar that dies
        await follow()
    await theirs.close()


async def test_a_user_without_rights_is_told_so(database: Database, url: Secret) -> None:
    name = f"u{uuid4().hex}"
    database.sql(f"CREATE USER {name}")
    store = PostgresStore(Secret(url.reveal().replace("postgres@", f"{name}:hunter2@")))

    with pytest.raises(Unusable, match="check the user") as raised:
        await store.keys()
    assert "hunter2" not in str(raised.value)
    await store.close()


async def test_a_url_that_is_none_is_refused() -> None:
    store = PostgresStore(Secret("postgresql://hunter2:x@host:port/db"))

    with pytest.raises(Unusable, match="no URL of PostgreSQL") as raised:
        await store.keys()
    assert "hunter2" not in str(raised.value)
    await store.close()


async def test_a_database_that_was_away_is_used_again_at_once() -> None:
    database = await asyncio.to_thread(Database)
    try:
        store = PostgresStore(Secret(database.url("vault")))
        await store.add_keys([KEY])
        await store.swap(row().id, None, row())
        await asyncio.gather(*(store.get(row().id) for _ in range(8)))  # several connections
        await asyncio.to_thread(database.stop)
        with pytest.raises(Unavailable):
            await store.get(row().id)
        with pytest.raises(Unavailable):
            async with store.locked(row().id):
                raise AssertionError
        await asyncio.to_thread(database.start)

        assert await store.swap(row().id, 1, row(version=2))
        assert await rows(store) == [row(version=2)]
        async with store.locked(row().id):
            await asyncio.to_thread(database.stop)
        await asyncio.to_thread(database.start)
        async with store.locked(row().id):
            assert await store.get(row().id) == row(version=2)
        await store.close()
    finally:
        await asyncio.to_thread(database.close)
