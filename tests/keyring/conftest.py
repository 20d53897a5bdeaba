"""What the room's tests share: a clock that they can move, and an issuer that runs by it."""

from collections.abc import AsyncIterator

import pytest

from tests.clock import Clock
from tests.idp import Idp


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def idp(clock: Clock) -> AsyncIterator[Idp]:
    async with Idp.start(clock=clock) as running:
        yield running
