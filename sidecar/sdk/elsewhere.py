"""Work that takes a moment, out of the event loop's way: the one place of the SDK that knows of asyncio."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def elsewhere(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """*work* done in a thread, for the call that is being answered here. asyncio is there where anyone awaits this."""
    import asyncio

    return await asyncio.to_thread(work, *args, **kwargs)
