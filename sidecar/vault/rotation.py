"""New keys for a vault that is in use: row by row, and begun again where it was interrupted.

What is under way is in the store itself: a second data key, and rows that aren't under it yet. Whoever reads a row
meanwhile finds its key there, old or new; the old one goes when no row names it.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from sidecar.vault.keys import ROWS, Wrapper
from sidecar.vault.rows import Rows
from sidecar.vault.store import Unavailable, Unusable

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Progress:
    key: str = ""
    """The new data key's id."""
    resumed: bool = False
    total: int = 0
    """Rows to seal anew."""
    done: int = 0
    refused: int = 0
    """Rows that can't be opened: they stay as they are, and the old key with them."""
    finished: bool = False
    failure: str = ""
    """Why it ended before."""

    def document(self) -> dict[str, Any]:
        return asdict(self)


async def rotate(rows: Rows, clock: Callable[[], float], progress: Progress) -> None:
    """Seal every row under a new data key, or go on with a rotation that didn't end; then drop the old keys, and what
    other state keys could open. *progress* tells how far it is. Raise ``Unavailable`` or ``Unusable``: whatever has
    been done holds, and the next one goes on from there."""
    keys = (await rows.reload()).keys
    progress.resumed = len(keys.rows) > 1
    if not progress.resumed:
        await rows.store.add_keys([rows.wrapper.new(ROWS, max(int(clock()), keys.made + 1))])
        keys = (await rows.reload()).keys
    progress.key, progress.total = keys.newest.hex(), await rows.store.left(keys.newest)
    dropped = False
    while not dropped and not progress.refused:
        await _pass(rows, keys.newest, progress)
        dropped = all([await rows.store.drop_key(key) for key in keys.rows if key != keys.newest])
    for one in await rows.store.keys():
        if one.wrapper != rows.wrapper.id:
            await rows.store.drop_key(one.id, one.wrapper)
    await rows.reload()
    progress.finished = dropped


async def _pass(rows: Rows, newest: bytes, progress: Progress) -> None:
    async for row in rows.store.all():
        if row.key != newest:
            if await rows.reseal(row):
                progress.done += 1
            else:
                progress.refused += 1


async def wrap(rows: Rows, other: Wrapper) -> int:
    """Let the state key *other* open the vault, too: how many keys are wrapped for it."""
    kept = [one for one in await rows.store.keys() if one.wrapper == rows.wrapper.id]
    await rows.store.add_keys([other.wrap(one.id, one.purpose, one.made, rows.wrapper.unwrap(one)) for one in kept])
    return len(kept)


class Rotation:
    """One at a time, in the background."""

    def __init__(self, rows: Rows, *, clock: Callable[[], float], tasks: asyncio.TaskGroup) -> None:
        self._rows, self._clock, self._tasks = rows, clock, tasks
        self._task: asyncio.Task[None] | None = None
        self.progress = Progress()

    def begin(self) -> Progress:
        """Where one is under way, that one's progress."""
        if self._task is None or self._task.done():
            self.progress = Progress()
            self._task = self._tasks.create_task(self._run(self.progress))
        return self.progress

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, progress: Progress) -> None:
        try:
            await rotate(self._rows, self._clock, progress)
        except (Unavailable, Unusable) as error:
            progress.failure = str(error)
        except Exception:  # a bug must not end the sidecar
            log.exception("the vault's keys could not be rotated")
            progress.failure = "it failed; the log says why"
        if progress.refused:
            progress.failure = f"{progress.refused} rows can't be opened: the old key stays for them"
        if progress.failure:
            log.warning("the rotation of the vault's keys has not finished: %s", progress.failure)
        else:
            log.info("the vault's keys are rotated: %d rows are sealed anew", progress.done)
