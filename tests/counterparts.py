"""Real counterparts: one that is missing is a skip on a laptop and a failure in CI."""

import os
import shutil
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from tests.child import ROOT

NODE_FOLDER = ROOT / "tests" / "node"
CLIENTS = Path(f"{sys.prefix}-clients")
"""Agents' clients have an environment of their own beside this one: what they need isn't what the sidecar needs."""


def missing(reason: str) -> NoReturn:
    """End the test: a failure where ``CI=true``, a skip that names its reason elsewhere."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"a counterpart is missing: {reason}", pytrace=False)
    pytest.skip(reason)


def node(package: str) -> str:
    """The Node interpreter: the locked one, else the system's; *package* must be installed beside our scripts."""
    if not (NODE_FOLDER / "node_modules" / package).is_dir():
        missing(f"the Node package {package}: run  npm ci  in tests/node")
    locked = [*(NODE_FOLDER / "node_modules").glob("node-linux-*/bin/node")]  # not every npm links it into .bin
    found = str(locked[0]) if locked else shutil.which("node")
    return found or missing("Node: run  npm ci  in tests/node")


def clients() -> Path:
    """The folder of the programs of the clients' environment: ``python``, ``aws``, ``uvicorn``."""
    if not (CLIENTS / "installed.json").is_file():
        missing(f"agents' clients: run  make setup-clients  (they belong into {CLIENTS.name})")
    return CLIENTS / "bin"
