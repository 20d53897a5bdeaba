import time
from dataclasses import replace

import pytest

from sidecar.vault.memory import MemoryStore
from sidecar.vault.rows import Rows, numbered, same
from sidecar.vault.store import Row, Unavailable
from tests.vault.grants import ALICE, grant
from tests.vault.vaults import WRAPPER


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


async def kept(rows: Rows) -> Row:
    one = numbered(grant(), None, time.time)
    assert await rows.swap(None, one)
    row = await rows.store.get((await rows.sealing()).id(one.place))
    assert row is not None
    return row


async def rotated(rows: Rows) -> None:
    """A new data key, as another sidecar makes it."""
    await rows.store.add_keys([rows.wrapper.new("rows", int(time.time()) + 60)])


async def test_two_who_come_first_agree_on_the_keys(store: MemoryStore) -> None:
    one, other = Rows(store, WRAPPER, time.time), Rows(store, WRAPPER, time.time)

    assert (await one.sealing()).keys == (await other.sealing()).keys
    assert len(await store.keys()) == 2


async def test_a_row_under_a_key_that_came_since_is_read(store: MemoryStore) -> None:
    ours, theirs = Rows(store, WRAPPER, time.time), Rows(store, WRAPPER, time.time)
    row = await kept(ours)
    old = (await theirs.sealing()).keys.newest
    await rotated(theirs)
    await theirs.reload()
    assert await theirs.reseal(row)
    assert await store.drop_key(old)

    assert [one.place for one in await ours.of(ALICE)] == [grant().place]
    assert (await ours.sealing()).keys.newest != old


async def test_a_row_is_written_though_its_key_has_gone(store: MemoryStore) -> None:
    ours, theirs = Rows(store, WRAPPER, time.time), Rows(store, WRAPPER, time.time)
    old = (await ours.sealing()).keys.newest
    await rotated(theirs)
    await store.drop_key(old)

    assert (await kept(ours)).key != old


async def test_a_row_is_listed_though_its_key_has_gone_meanwhile(store: MemoryStore) -> None:
    ours, theirs = Rows(store, WRAPPER, time.time), Rows(store, WRAPPER, time.time)
    row = await kept(ours)
    listed = ours.all()
    await rotated(theirs)
    await theirs.reload()
    await theirs.reseal(row)
    await store.drop_key(row.key)

    assert [one.place async for one in listed] == [grant().place]


async def test_keys_that_never_stay_make_the_vault_unavailable() -> None:
    class Restless(MemoryStore):
        async def swap(self, row_id: bytes, old: int | None, new: Row | None) -> bool:
            return await super().swap(row_id, old, None if new is None else replace(new, key=b"gone"))

    with pytest.raises(Unavailable, match="faster"):
        await kept(Rows(Restless(), WRAPPER, time.time))


async def test_what_is_resealed_stays_as_it_was(store: MemoryStore) -> None:
    rows = Rows(store, WRAPPER, time.time)
    row = await kept(rows)
    before = await rows.get(row.id)
    await rotated(rows)
    await rows.reload()

    assert await rows.reseal(row)
    assert await rows.get(row.id) == before
    assert await store.left((await rows.sealing()).keys.newest) == 0
    assert not await rows.reseal(replace(row, sealed=b""))


def test_a_writing_is_the_same_whenever_it_was_used() -> None:
    one = replace(grant(), version=3)

    assert same(replace(one, used=5.0, used_by="agent"), one)
    assert not same(replace(one, version=4), one)
    assert not same(replace(one, access_token=None), one)
    assert not same(None, one)


def test_a_version_follows_the_last_or_the_clock() -> None:
    assert numbered(grant(), 41, lambda: 5.0).version == 42
    for unusable in [None, 0, -7, 1 << 62]:
        assert numbered(grant(), unusable, lambda: 5.0).version == 5000
