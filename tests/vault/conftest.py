from collections.abc import Iterator

import pytest

from tests.database import Database


@pytest.fixture(scope="session")
def database() -> Iterator[Database]:
    database = Database()
    yield database
    database.close()
