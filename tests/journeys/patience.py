"""How long tests wait for what was promised."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

SLACK = 5
"""How many times longer than promised something may take on a machine that is busy with other tests."""


async def until(condition: Callable[[], Any], seconds: float = 5.0) -> Any:
    """Ask until the answer is true."""
    deadline = time.monotonic() + seconds
    while True:
        answer = await condition()
        if answer or time.monotonic() > deadline:
            return answer
        await asyncio.sleep(0.02)
