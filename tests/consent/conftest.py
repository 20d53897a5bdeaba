"""The consent pages, served."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.consent.around import Around, serving


@pytest.fixture
async def around(tmp_path: Path) -> AsyncIterator[Around]:
    async with serving(tmp_path) as around:
        yield around
