"""What every store does, whatever it is made of."""

import asyncio
from dataclasses import replace
from hashlib import sha256

import pytest

from sidecar.vault.store import KeyGone, Row, Store, Wrapped

KEY = Wrapped(b"k" * 8, "rows", 1, "root", b"wrapped")
OTHER = replace(KEY, id=b"o" * 8)
OWNER = b"a" * 32


def row(number: int = 0, version: int = 1, owner: bytes = OWNER, key: bytes = KEY.id) -> Row:
    return Row(sha256(bytes([number >> 8, number & 255])).digest(), owner, version, key, b"\0sealed\xff" * 40)


async def rows(store: Store) -> list[Row]:
    return [one async for one in store.all()]


class StoreContract:
    """A subclass gives the fixture ``store``: an empty one."""

    @pytest.fixture(autouse=True)
    async def _keys(self, store: Store) -> None:
        assert await store.add_keys([KEY, OTHER])

    async def test_a_row_is_put_where_none_is_and_read_as_it_was(self, store: Store) -> None:
        assert await store.get(row().id) is None
        assert await store.swap(row().id, None, row())
        assert await store.get(row().id) == row()
        assert not await store.swap(row().id, None, row(version=2))
        assert await store.get(row().id) == row()

    async def test_a_row_is_replaced_at_its_version_alone(self, store: Store) -> None:
        await store.swap(row().id, None, row(version=7))
        new = row(version=8, owner=b"b" * 32, key=OTHER.id)

        assert not await store.swap(row().id, 6, new)
        assert not await store.swap(row().id, 8, new)
        assert await store.swap(row().id, 7, new)
        assert await store.get(row().id) == new

    async def test_a_row_that_is_not_there_has_no_version(self, store: Store) -> None:
        assert not await store.swap(row().id, 1, row(version=2))
        assert not await store.swap(row().id, 1, None)
        assert await store.swap(row().id, None, None)
        assert await rows(store) == []

    async def test_a_row_is_removed_at_its_version_alone(self, store: Store) -> None:
        await store.swap(row().id, None, row())

        assert not await store.swap(row().id, None, None)
        assert not await store.swap(row().id, 2, None)
        assert await store.swap(row().id, 1, None)
        assert await store.get(row().id) is None

    async def test_versions_are_as_large_as_milliseconds_since_1970(self, store: Store) -> None:
        large = row(version=1 << 62)
        await store.swap(large.id, None, large)

        assert await store.get(large.id) == large

    async def test_an_owner_gets_what_is_theirs(self, store: Store) -> None:
        theirs = [row(1), row(2)]
        for one in [*theirs, row(3, owner=b"b" * 32)]:
            await store.swap(one.id, None, one)

        assert {one.id: one for one in await store.of(OWNER)} == {one.id: one for one in theirs}
        assert await store.of(b"c" * 32) == []

    async def test_all_gives_every_row_though_some_go_meanwhile(self, store: Store) -> None:
        every = sorted((row(number) for number in range(1203)), key=lambda one: one.id)
        for one in every:
            await store.swap(one.id, None, one)
        seen: list[Row] = []
        async for one in store.all():
            if not seen:
                await store.swap(every[-1].id, 1, None)
            seen.append(one)

        assert {one.id for one in seen} >= {one.id for one in every} - {every[-1].id}
        assert len(seen) == len({one.id for one in seen})

    async def test_of_many_who_swap_the_same_version_one_does(self, store: Store) -> None:
        await store.swap(row().id, None, row())
        new = [replace(row(version=2), sealed=bytes([number])) for number in range(20)]
        won = await asyncio.gather(*(store.swap(row().id, 1, one) for one in new))

        assert sum(won) == 1
        assert await store.get(row().id) == new[won.index(True)]

    async def test_of_many_who_come_first_one_does(self, store: Store) -> None:
        won = await asyncio.gather(*(store.swap(row().id, None, row()) for _ in range(20)))

        assert sum(won) == 1

    async def test_a_lock_is_held_by_one_at_a_time_and_for_one_row(self, store: Store) -> None:
        inside = most = 0

        async def enter() -> None:
            nonlocal inside, most
            async with store.locked(row().id):
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0.01)
                inside -= 1

        async with store.locked(row(1).id), asyncio.TaskGroup() as tasks:
            for _ in range(12):
                tasks.create_task(enter())
        assert most == 1

    async def test_a_lock_is_let_go_by_who_fails_or_gives_up(self, store: Store) -> None:
        with pytest.raises(ZeroDivisionError):
            async with store.locked(row().id):
                raise ZeroDivisionError
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), store.locked(row().id):
                await asyncio.sleep(5)
        async with asyncio.timeout(5), store.locked(row().id):
            assert await store.get(row().id) is None

    async def test_keys_are_kept_as_they_were_wrapped(self, store: Store) -> None:
        again = replace(KEY, wrapper="new root", wrapped=b"anew")
        assert await store.add_keys([again, replace(KEY, wrapped=b"never taken")])

        kept = await store.keys()
        assert sorted(kept, key=lambda key: (key.id, key.wrapper)) == [again, KEY, OTHER]

    async def test_first_keys_are_taken_where_there_is_none(self, store: Store) -> None:
        assert not await store.add_keys([replace(KEY, id=b"n" * 8)], first=True)
        await store.drop_key(KEY.id)
        await store.drop_key(OTHER.id)

        assert sum(await asyncio.gather(*(store.add_keys([KEY], first=True) for _ in range(5)))) == 1

    async def test_a_key_that_rows_name_stays(self, store: Store) -> None:
        await store.swap(row().id, None, row())

        assert not await store.drop_key(KEY.id)
        assert not await store.drop_key(KEY.id, KEY.wrapper)
        assert KEY in await store.keys()
        await store.swap(row().id, 1, row(version=1, key=OTHER.id))
        assert await store.drop_key(KEY.id)
        assert await store.keys() == [OTHER]

    async def test_a_row_under_a_key_that_is_gone_is_not_taken(self, store: Store) -> None:
        await store.swap(row().id, None, row(key=OTHER.id))
        await store.drop_key(KEY.id)

        with pytest.raises(KeyGone):
            await store.swap(row(1).id, None, row(1))
        with pytest.raises(KeyGone):
            await store.swap(row().id, 1, row(version=2))
        assert await rows(store) == [row(key=OTHER.id)]

    async def test_one_wrapping_of_a_key_is_dropped_while_another_stays(self, store: Store) -> None:
        await store.swap(row().id, None, row())
        await store.add_keys([replace(KEY, wrapper="new root")])

        assert await store.drop_key(KEY.id, KEY.wrapper)
        assert [key.wrapper for key in await store.keys() if key.id == KEY.id] == ["new root"]

    async def test_how_many_rows_are_left_under_other_keys(self, store: Store) -> None:
        for one in [row(1), row(2), row(3, key=OTHER.id)]:
            await store.swap(one.id, None, one)

        assert await store.left(OTHER.id) == 2
        assert await store.left(KEY.id) == 1
