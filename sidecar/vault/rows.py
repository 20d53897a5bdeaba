"""Grants in a store: sealed on the way in, unsealed on the way out, whichever of the vault's keys they are under."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace

from sidecar.vault.grant import Grant, Owner
from sidecar.vault.keys import IDS, ROWS, Wrapper, opened
from sidecar.vault.sealing import Refused, Sealing
from sidecar.vault.store import KeyGone, Row, Store, Unavailable

log = logging.getLogger(__name__)

_MOST_VERSION = 1 << 62


class Rows:
    """Raises ``Unavailable``, and ``Unusable`` where the state key isn't the vault's."""

    def __init__(self, store: Store, wrapper: Wrapper, clock: Callable[[], float]) -> None:
        self.store, self.wrapper = store, wrapper
        self._clock = clock
        self._sealing: Sealing | None = None
        self._loading = asyncio.Lock()

    async def sealing(self) -> Sealing:
        if self._sealing is None:
            async with self._loading:
                if self._sealing is None:
                    self._sealing = await self._first()
        return self._sealing

    async def reload(self) -> Sealing:
        """With the keys as they are in the store now: another sidecar has rotated them."""
        self._sealing = Sealing(opened(await self.store.keys(), self.wrapper))
        return self._sealing

    async def version(self, row_id: bytes) -> int | None:
        """Of what is there, whether it can be opened or not."""
        row = await self.store.get(row_id)
        return None if row is None else row.version

    async def get(self, row_id: bytes) -> Grant | None:
        async def fetch() -> Sequence[Row]:
            row = await self.store.get(row_id)
            return [] if row is None else [row]

        found = await self._read(fetch)
        return found[0] if found else None

    async def of(self, owner: Owner) -> list[Grant]:
        digest = (await self.sealing()).owner(owner)
        return await self._read(lambda: self.store.of(digest))

    async def all(self) -> AsyncIterator[Grant]:
        async for row in self.store.all():
            for grant in await self._read(lambda row=row: self._now(row)):  # type: ignore[misc]  # a loop's value
                yield grant

    async def swap(self, old: int | None, new: Grant) -> bool:
        """Put *new* where version *old* is (``None``: where nothing is)."""
        row = (await self.sealing()).seal(new)
        try:
            return await self.store.swap(row.id, old, row)
        except KeyGone:
            row = (await self.reload()).seal(new)
        try:
            return await self.store.swap(row.id, old, row)
        except KeyGone as error:
            raise Unavailable("the vault's keys change faster than rows are written") from error

    async def reseal(self, row: Row) -> bool:
        """Seal *row* under the newest key, as it is; ``False``: it can't be opened. One that was changed or removed
        meanwhile is under that key already, or gone."""
        sealing = await self.sealing()
        try:
            fresh = sealing.seal(sealing.unseal(row))
        except (Refused, KeyGone) as error:
            _refused(row, error)
            return False
        try:
            await self.store.swap(row.id, row.version, fresh)
        except KeyGone:  # there is a newer one, which the next time seals under
            await self.reload()
        return True

    async def _now(self, row: Row) -> Sequence[Row]:
        """*row* as it was listed; where its key has gone since, as it is now."""
        if row.key in (await self.sealing()).keys.rows:
            return [row]
        fresh = await self.store.get(row.id)
        return [] if fresh is None else [fresh]

    async def _read(self, fetch: Callable[[], Awaitable[Sequence[Row]]]) -> list[Grant]:
        """What can't be opened is refused: said, and left out."""
        sealing = await self.sealing()
        rows = await fetch()
        if any(row.key not in sealing.keys.rows for row in rows):
            sealing = await self.reload()
            rows = await fetch()
        grants = []
        for row in rows:
            try:
                grants.append(sealing.unseal(row))
            except (Refused, KeyGone) as error:
                _refused(row, error)
        return grants

    async def _first(self) -> Sealing:
        kept = await self.store.keys()
        if not kept:
            made = int(self._clock())
            await self.store.add_keys([self.wrapper.new(IDS, made), self.wrapper.new(ROWS, made)], first=True)
            kept = await self.store.keys()
        return Sealing(opened(kept, self.wrapper))


def numbered(grant: Grant, old: int | None, clock: Callable[[], float]) -> Grant:
    """*grant* with the version after *old*. Where there is none, or none of ours, a number that was never used at that
    place: what is under way for a grant that was removed finds another than it expects."""
    ours = old is not None and 0 < old < _MOST_VERSION
    return replace(grant, version=old + 1 if old is not None and ours else int(clock() * 1000))


def same(one: Grant | None, other: Grant) -> bool:
    """Whether they are one writing of a grant; when it was used may differ."""
    return one is not None and replace(one, used=other.used, used_by=other.used_by) == other


def _refused(row: Row, error: Exception) -> None:
    why = f"its data key {error} isn't in the vault" if isinstance(error, KeyGone) else str(error)
    log.error("the vault's row %s is refused, nothing of it is used: %s", row.id.hex()[:16], why)
