"""Refreshes: one for all who ask, and no answer of a provider is lost once it has been read.

A refresh takes place under the row's lock, which holds among all sidecars that share the store. Who gets it second
finds another version than it knew, and takes what the first one got. Inside one process all who ask at once wait for
one task, which outlives them. A version that moved on nevertheless (a lock is lost with its connection) is found when
the result is swapped in.

What the provider answered is in a synced file (``vault.intents``) before it is used, and stays there until the store
has it. So a sidecar that dies, or a store that goes away, loses nothing that was read.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from sidecar.errors import GrantDead, Internal, Refusal, VaultUnavailable
from sidecar.vault.grant import Grant
from sidecar.vault.intents import Intent, Intents, Left
from sidecar.vault.outage import RETRY_AFTER, Outage
from sidecar.vault.rows import Rows, same
from sidecar.vault.sealing import Refused, Sealing
from sidecar.vault.store import Unavailable

log = logging.getLogger(__name__)

Renew = Callable[[Grant], Awaitable[Grant]]


class Removed(Exception):
    """The grant is not in the vault any more."""

    def __init__(self, renewed: Grant | None = None) -> None:
        super().__init__("the grant was removed")
        self.renewed = renewed
        """What the provider gave for it meanwhile, if it did: good for being revoked."""


class Refreshes:
    def __init__(self, rows: Rows, folder: Path, tasks: asyncio.TaskGroup, outage: Outage) -> None:
        self._rows, self._intents, self._tasks, self._outage = rows, Intents(folder), tasks, outage
        self._flights: dict[bytes, asyncio.Future[Grant | Exception]] = {}
        self._unkept: dict[bytes, tuple[Grant, Intent]] = {}
        """What providers answered and the store hasn't got yet."""
        self._running: set[asyncio.Task[None]] = set()
        self._interrupted: set[bytes] = set()

    async def refreshed(self, row_id: bytes, grant: Grant, renew: Renew) -> Grant:
        """As ``Vault.refresh`` says."""
        while True:
            flight = self._flights.get(row_id)
            ours = flight is None
            if flight is None:
                flight = self._flights[row_id] = asyncio.get_running_loop().create_future()
                self._run(self._fly(row_id, grant, renew, flight))
            outcome = await asyncio.shield(flight)
            if isinstance(outcome, Exception):
                raise _again(outcome)
            if ours or outcome.version != grant.version or outcome.dead:
                return outcome

    async def close(self) -> None:
        """What is under way is given up; what was answered meanwhile is replayed at the next start."""
        for task in tuple(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        for _, intent in self._unkept.values():
            intent.close()

    async def latched(self, row_id: bytes, grant: Grant, why: str) -> Grant:
        """Under the row's lock. Raise ``Removed``."""
        if row_id in self._interrupted:
            self._interrupted.discard(row_id)
            why += "; an earlier refresh was interrupted, and what the provider answered then is unknown"
        dead = replace(grant, dead=why, access_token=None, refresh_token=None, version=grant.version + 1)
        if await self._rows.swap(grant.version, dead):
            return dead
        current = await self._rows.get(row_id)
        if current is None:
            raise Removed
        return current

    # one refresh

    async def _fly(
        self, row_id: bytes, grant: Grant, renew: Renew, flight: "asyncio.Future[Grant | Exception]"
    ) -> None:
        outcome: Grant | Exception = VaultUnavailable("given up: the sidecar ends", retry_after=RETRY_AFTER)
        try:
            with self._outage.refused():
                outcome = await self._renewed(row_id, grant, renew)
        except (Refusal, Removed) as refusal:
            outcome = refusal
        except Exception:  # a bug must end neither those who wait nor the sidecar
            log.exception("a grant could not be refreshed")
            outcome = Internal("a grant could not be refreshed")
        finally:
            del self._flights[row_id]
            flight.set_result(outcome)

    async def _renewed(self, row_id: bytes, grant: Grant, renew: Renew) -> Grant:
        async with self._rows.store.locked(row_id):
            await self.keep(row_id)
            current = await self._rows.get(row_id)
            if current is None:
                raise Removed
            if current.version != grant.version or current.dead:
                return current
            sealing = await self._rows.sealing()
            intent = await self._noted(f"{row_id.hex()}-{current.version}", sealing.seal_intent(current))
            answer = await self._asked(row_id, current, intent, renew)
            new = replace(answer, place=current.place, version=current.version + 1)
            await _note(intent, sealing.seal_intent(new))
            self._interrupted.discard(row_id)
            self._unkept[row_id] = new, intent
            try:
                return await self._kept(row_id, current.version, new) or await self._other(row_id, new)
            except Unavailable as error:
                self._outage.say(error)
                self._run(self._keep_at_last(row_id))
                return new

    async def _noted(self, name: str, sealed: bytes) -> Intent:
        try:
            return await asyncio.to_thread(self._intents.begin, name, sealed)
        except OSError as error:
            raise Unavailable(f"a refresh can't be noted, and so isn't begun: {error}") from error

    async def _asked(self, row_id: bytes, current: Grant, intent: Intent, renew: Renew) -> Grant:
        try:
            return await renew(current)
        except GrantDead as dead:
            intent.end()
            await self.latched(row_id, current, dead.reason)
            raise
        except Exception:
            intent.end()
            raise
        except BaseException:  # we end, and don't know what was answered
            intent.close()
            raise

    async def _kept(self, row_id: bytes, old: int, new: Grant) -> Grant | None:
        """*new*, once the store has it; ``None``: something else was there."""
        if not await self._rows.swap(old, new):
            current = await self._rows.get(row_id)
            if current is not None and current.dead and current.version == old + 1:  # by who asked with the old token
                new = replace(new, version=current.version + 1)
                if not await self._rows.swap(current.version, new):
                    return None
            elif not same(current, new):
                return None
        self.forget(row_id)
        return new

    async def _other(self, row_id: bytes, new: Grant) -> Grant:
        """What is there instead of *new*. Raise ``Removed``."""
        current = await self._rows.get(row_id)
        self.forget(row_id)
        if current is None:
            raise Removed(new)
        log.warning("a grant was kept anew while it was refreshed: what was kept stays")
        return current

    # what the store hasn't got yet

    async def keep(self, row_id: bytes) -> None:
        """Under the row's lock: what a provider answered while the store was away goes in before anything else."""
        late = self._unkept.get(row_id)
        if late is not None and await self._kept(row_id, late[0].version - 1, late[0]) is None:
            self.forget(row_id)

    def newer(self, sealing: Sealing, grant: Grant) -> Grant:
        """*grant* as it would be kept if the store were there."""
        late = self._unkept.get(sealing.id(grant.place)) if self._unkept else None
        return late[0] if late is not None and late[0].version > grant.version else grant

    def forget(self, row_id: bytes) -> None:
        """There is something newer."""
        late = self._unkept.pop(row_id, None)
        if late is not None:
            late[1].end()

    async def _keep_at_last(self, row_id: bytes) -> None:
        while row_id in self._unkept:
            await asyncio.sleep(RETRY_AFTER)
            try:
                with self._outage.refused():
                    async with self._rows.store.locked(row_id):
                        await self.keep(row_id)
            except VaultUnavailable:  # it has been said
                continue

    # what a sidecar that died has left

    async def replay(self, sealing: Sealing) -> None:
        for left in await asyncio.to_thread(lambda: list(self._intents.left())):
            await self._replay(left, sealing)

    async def _replay(self, left: Left, sealing: Sealing) -> None:
        if left.asked:  # else nobody was
            try:
                asked = sealing.unseal_intent(left.asked)
            except Refused:
                log.exception("%s is refused: it stays, and nothing of it is used", left.path)
                return
            answered = None
            if left.answered:
                with suppress(Refused):  # it wasn't written in full
                    answered = sealing.unseal_intent(left.answered)
            await self._resume(sealing.id(asked.place), asked, answered)
        left.end()

    async def _resume(self, row_id: bytes, asked: Grant, answered: Grant | None) -> None:
        async with self._rows.store.locked(row_id):
            if answered is not None:
                kept = await self._kept(row_id, asked.version, answered)
                log.info("a refresh that was interrupted %s", "is kept" if kept else "was overtaken")
                return
            current = await self._rows.get(row_id)
        if current is not None and current.version == asked.version:
            self._interrupted.add(row_id)
            log.warning("a refresh was interrupted before its answer was read: it is tried once more when it is needed")

    def _run(self, work: Coroutine[None, None, None]) -> None:
        task = self._tasks.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)


async def _note(intent: Intent, sealed: bytes) -> None:
    """What can't be noted is used all the same: the store may have it in a moment."""
    try:
        await asyncio.to_thread(intent.answered, sealed)
    except OSError:
        log.exception("what a provider answered can't be noted")


def _again(outcome: Exception) -> Exception:
    """*outcome* for one more of those who wait: an exception that is raised twice gathers the ways of both."""
    if isinstance(outcome, Refusal):
        return type(outcome)(outcome.reason, mend=outcome.detail, retry_after=outcome.retry_after)
    return Removed(outcome.renewed if isinstance(outcome, Removed) else None)
