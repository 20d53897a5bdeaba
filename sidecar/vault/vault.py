"""The vault: what users granted, kept sealed, and refreshed exactly once however many ask."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

from sidecar.errors import VaultUnavailable
from sidecar.vault.grant import At, Grant, Owner
from sidecar.vault.keys import Wrapper
from sidecar.vault.outage import RETRY_AFTER, Outage
from sidecar.vault.refresh import Refreshes, Renew
from sidecar.vault.rows import Rows, numbered, same
from sidecar.vault.sealing import Sealing
from sidecar.vault.store import Store, Unavailable

_TRIES = 10
_PATIENCE_SECONDS = 0.5
"""How long a removal waits for a refresh that is under way."""


class Vault:
    """Raises ``VaultUnavailable`` from every call while the store is away."""

    def __init__(
        self, store: Store, wrapper: Wrapper, folder: Path, *, clock: Callable[[], float], tasks: asyncio.TaskGroup
    ) -> None:
        """*folder* is where refreshes that are under way are noted; *clock* gives epoch seconds."""
        self.rows = Rows(store, wrapper, clock)
        self._outage, self._clock = Outage(), clock
        self._refreshes = Refreshes(self.rows, folder, tasks, self._outage)
        self._replayed = False
        self._replaying = asyncio.Lock()

    async def open(self) -> None:
        """Get ready; later, where the store is away now. Raise ``Unusable``, which names the state key that is wanted
        where it is another one."""
        try:
            await self._ready()
        except Unavailable as error:
            self._outage.say(error)

    async def close(self) -> None:
        """What is under way is given up; what providers answered meanwhile is replayed at the next start."""
        await self._refreshes.close()
        await self.rows.store.close()

    async def find(self, owner: Owner, at: At) -> list[Grant]:
        """Alive and dead ones, those with the fewest scopes first."""
        found = [grant for grant in await self.of(owner) if grant.place.at == at]
        return sorted(found, key=lambda grant: (len(grant.place.scopes), -grant.since))

    async def of(self, owner: Owner) -> list[Grant]:
        with self._outage.refused():
            sealing = await self._ready()
            return [self._refreshes.newer(sealing, grant) for grant in await self.rows.of(owner)]

    async def all(self) -> AsyncIterator[Grant]:
        with self._outage.refused():
            sealing = await self._ready()
            async for grant in self.rows.all():
                yield self._refreshes.newer(sealing, grant)

    async def put(self, grant: Grant) -> Grant:
        """Keep *grant*, in the place of the one that is there, if one is."""
        with self._outage.refused():
            row_id = (await self._ready()).id(grant.place)
            for _ in range(_TRIES):
                old = await self.rows.version(row_id)
                new = numbered(grant, old, self._clock)
                if await self.rows.swap(old, new) or same(await self.rows.get(row_id), new):
                    self._refreshes.forget(row_id)
                    return new
        raise VaultUnavailable("a grant changes faster than it can be kept", retry_after=RETRY_AFTER)

    async def used(self, grant: Grant, by: str) -> None:
        """Note that *grant* is used now, by the agent *by*. Its version stays, so that a refresh that is under way
        finds what it knows; one that has changed since isn't touched."""
        with self._outage.refused():
            await self._ready()
            await self.rows.swap(grant.version, replace(grant, used=self._clock(), used_by=by))

    async def latch(self, grant: Grant, why: str) -> Grant:
        """*grant* is dead from now on, its tokens are wiped; one that has changed since stays as it is. Raise
        ``Removed``."""
        with self._outage.refused():
            row_id = (await self._ready()).id(grant.place)
            async with self.rows.store.locked(row_id):
                return await self._refreshes.latched(row_id, grant, why)

    async def remove(self, grant: Grant) -> Grant | None:
        """Forget what is at the place of *grant*: what was there is returned, so that it can be revoked. What can't be
        opened is removed, too. A refresh that is under way is waited for, but not for long: what it still gets has no
        place any more (``Removed``)."""
        with self._outage.refused():
            row_id = (await self._ready()).id(grant.place)
            async with self._locked_soon(row_id):
                await self._refreshes.keep(row_id)
                for _ in range(_TRIES):
                    version, old = await self.rows.version(row_id), await self.rows.get(row_id)
                    if version is None or await self.rows.store.swap(row_id, version, None):
                        return old
        raise VaultUnavailable("a grant changes faster than it can be removed", retry_after=RETRY_AFTER)

    async def refresh(self, grant: Grant, renew: Renew) -> Grant:
        """*grant* with new tokens: *renew* is called for it once, whoever else asks, in this process or another. Who
        comes later gets what that gave; so does who knows an old version; a dead one may be what is returned.

        *renew* gets the grant as it is kept now, returns it with new tokens, and raises a ``Refusal``; ``GrantDead``
        latches it, before anyone is told. It holds the row's lock, so it must not call ``latch``, ``remove`` or
        ``refresh`` itself. Raise what it raises, or ``Removed``.
        """
        with self._outage.refused():
            row_id = (await self._ready()).id(grant.place)
        return await self._refreshes.refreshed(row_id, grant, renew)

    @asynccontextmanager
    async def _locked_soon(self, row_id: bytes) -> AsyncIterator[None]:
        """With the row's lock, or without it where another one keeps it."""
        async with AsyncExitStack() as stack:
            with suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await stack.enter_async_context(self.rows.store.locked(row_id))
            yield

    async def _ready(self) -> Sealing:
        sealing = await self.rows.sealing()
        if not self._replayed:
            async with self._replaying:
                if not self._replayed:
                    await self._refreshes.replay(sealing)
                    self._replayed = True
        return sealing
