"""One moto server for the tests of a worker."""

from collections.abc import Iterator

import pytest

from tests.aws.moto import moto


@pytest.fixture(scope="session")
def moto_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with moto(tmp_path_factory.mktemp("moto")) as url:
        yield url
