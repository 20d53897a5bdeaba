"""The store that forgets: for tests and the demo."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from sidecar.vault.store import KeyGone, Row, Wrapped


class MemoryStore:
    def __init__(self) -> None:
        self._rows: dict[bytes, Row] = {}
        self._keys: dict[tuple[bytes, str], Wrapped] = {}
        self._locks: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()

    async def get(self, row_id: bytes) -> Row | None:
        return self._rows.get(row_id)

    async def swap(self, row_id: bytes, old: int | None, new: Row | None) -> bool:
        row = self._rows.get(row_id)
        if (row.version if row else None) != old:
            return False
        if new is None:
            self._rows.pop(row_id, None)
            return True
        if not any(key == new.key for key, _ in self._keys):
            raise KeyGone(new.key.hex())
        self._rows[row_id] = new
        return True

    async def of(self, owner: bytes) -> Sequence[Row]:
        return [row for row in self._rows.values() if row.owner == owner]

    async def all(self) -> AsyncIterator[Row]:
        for row_id in tuple(self._rows):
            if row_id in self._rows:
                yield self._rows[row_id]

    async def left(self, key: bytes) -> int:
        return sum(row.key != key for row in self._rows.values())

    @asynccontextmanager
    async def locked(self, row_id: bytes) -> AsyncIterator[None]:
        lock = self._locks.setdefault(row_id, asyncio.Lock())
        async with lock:
            yield

    async def keys(self) -> Sequence[Wrapped]:
        return list(self._keys.values())

    async def add_keys(self, keys: Sequence[Wrapped], *, first: bool = False) -> bool:
        if first and self._keys:
            return False
        for key in keys:
            self._keys.setdefault((key.id, key.wrapper), key)
        return True

    async def drop_key(self, key_id: bytes, wrapper: str | None = None) -> bool:
        doomed = [key for key in self._keys if key[0] == key_id and wrapper in (None, key[1])]
        stays = any(key[0] == key_id and key not in doomed for key in self._keys)
        if not stays and any(row.key == key_id for row in self._rows.values()):
            return False
        for key in doomed:
            del self._keys[key]
        return True

    async def close(self) -> None:
        return
