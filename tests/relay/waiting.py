"""Waiting for what is told in plain calls, without guessing how long it takes."""

import asyncio
from collections.abc import Callable

SECONDS = 5.0


async def until(holds: Callable[[], object], *, within: float = SECONDS) -> None:
    """Wait until *holds* is true. Raise ``TimeoutError`` where it isn't *within* so many seconds."""
    async with asyncio.timeout(within):
        while not holds():  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.002)


async def settled(value: Callable[[], int]) -> int:
    """Wait until *value* has stood still for a while, and return it."""
    last, since = value(), 0
    async with asyncio.timeout(20):
        while since < 6:
            await asyncio.sleep(0.03)
            last, since = (last, since + 1) if value() == last else (value(), 0)
    return last
