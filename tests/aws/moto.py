"""Moto's STS as a counterpart. It lends keys to anyone, so what was sent to it is looked at."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from tests.child import child
from tests.counterparts import missing


@contextmanager
def moto(folder: Path) -> Iterator[str]:
    """Start ``moto_server``; its URL."""
    if find_spec("moto") is None:
        missing("moto: install requirements/test.lock")
    with child([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"], folder, "moto") as process:
        yield process.said(r"Running on (http://127\.0\.0\.1:\d+)")[1]
