from collections.abc import Iterator
from uuid import uuid4

import pytest

from sidecar.secret import Secret
from tests.database import Database


@pytest.fixture(scope="session")
def database() -> Iterator[Database]:
    database = Database()
    yield database
    database.close()


@pytest.fixture
def url(database: Database) -> Iterator[Secret]:
    schema = f"t{uuid4().hex}"
    yield Secret(database.url(schema))
    database.sql(f"SET client_min_messages = warning; DROP SCHEMA {schema} CASCADE")
