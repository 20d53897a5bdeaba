"""Where a sidecar listens, and what the machine allows it."""

import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from sidecar.assembly.listening import Listener
from sidecar.wire.endpoint import Endpoint, Tcp, Unix

RAISE = """
import resource, sys
from sidecar.assembly.listening import raise_descriptor_limit
resource.setrlimit(resource.RLIMIT_NOFILE, (64, {hard}))
raise_descriptor_limit(100)
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(
    ("endpoint", "secure", "url"),
    [
        (Tcp("127.0.0.1", 8080), False, "http://127.0.0.1:8080"),
        (Tcp("::1", 8443), True, "https://[::1]:8443"),
        (Unix(Path("/run/a.sock")), False, "unix:/run/a.sock"),
    ],
    ids=["tcp", "tls", "unix"],
)
def test_a_listener_is_named_by_its_url(endpoint: Endpoint, *, secure: bool, url: str) -> None:
    assert Listener("inbound", endpoint, cast(Any, None), secure=secure).url == url


@pytest.mark.parametrize(("hard", "raised", "warned"), [(4096, 456, False), (300, 300, True)], ids=["room", "no room"])
def test_open_files_are_allowed_as_connections_need_them_or_it_is_said(hard: int, raised: int, *, warned: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RAISE.format(hard=hard)], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.strip() == str(raised)
    assert ("leaves room for 22" in done.stderr) is warned
