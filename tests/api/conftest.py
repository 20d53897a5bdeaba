"""The identity API, served."""

from collections.abc import AsyncIterator

import pytest

from tests.api.around import Around, serving


@pytest.fixture
async def around() -> AsyncIterator[Around]:
    async with serving() as around:
        yield around
