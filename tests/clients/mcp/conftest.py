"""The stage, set once for the tests of this folder that run in one worker."""

from collections.abc import Iterator

import pytest

from tests.clients.mcp.stage import Stage, stage


@pytest.fixture(scope="package")
def mcp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("mcp")) as set_up:
        yield set_up
