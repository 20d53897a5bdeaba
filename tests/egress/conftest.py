"""What dials is tested on both event loops."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop

BOTH = frozenset({"test_dial.py"})


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    usual = {"asyncio": asyncio.new_event_loop}
    return {"uvloop": uvloop.new_event_loop, **usual} if item.path.name in BOTH else usual
