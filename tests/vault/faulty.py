"""A store in memory that is away, or slow, when told to be."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from sidecar.vault.memory import MemoryStore
from sidecar.vault.store import Row, Unavailable, Wrapped


class FaultyStore(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.swapped_and_gone = False
        """The next swap is done, and who asked for it doesn't learn so."""

    def _there(self) -> None:
        if self.away:
            raise Unavailable("it is away")

    async def get(self, row_id: bytes) -> Row | None:
        self._there()
        await asyncio.sleep(0)
        return await super().get(row_id)

    async def swap(self, row_id: bytes, old: int | None, new: Row | None) -> bool:
        self._there()
        await asyncio.sleep(0)
        done = await super().swap(row_id, old, new)
        if self.swapped_and_gone:
            self.swapped_and_gone = False
            return await super().swap(row_id, old, new)  # as a store that tries again on a new connection
        return done

    async def of(self, owner: bytes) -> Sequence[Row]:
        self._there()
        return await super().of(owner)

    async def all(self) -> AsyncIterator[Row]:
        self._there()
        async for row in super().all():
            yield row

    @asynccontextmanager
    async def locked(self, row_id: bytes) -> AsyncIterator[None]:
        self._there()
        async with super().locked(row_id):
            yield

    async def keys(self) -> Sequence[Wrapped]:
        self._there()
        return await super().keys()
