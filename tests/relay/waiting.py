"""Waiting for what is told in plain calls, without guessing how long it takes."""

import asyncio
from collections.abc import Callable

SECONDS = 5.0


async def until(holds: Callable[[], object], *, within: float = SECONDS) -> None:
    """Wait until *holds* is true. Raise ``TimeoutError`` where it isn't *within* so many seconds."""
    async with asyncio.timeout(within):
        while not holds():  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.002)
