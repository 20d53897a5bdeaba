"""Vaults to test with."""

import asyncio
import hmac
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from sidecar.vault.keys import Wrapper
from sidecar.vault.store import Store
from sidecar.vault.vault import Vault


def derived(key: bytes) -> Callable[[str], bytes]:
    """What a root key gives for each label."""
    return lambda label: hmac.digest(key, label.encode(), "sha256")


WRAPPER = Wrapper(derived(b"the state key"))


@asynccontextmanager
async def opened(store: Store, folder: Path, wrapper: Wrapper = WRAPPER) -> AsyncIterator[Vault]:
    async with asyncio.TaskGroup() as tasks:
        vault = Vault(store, wrapper, folder / "refreshes", clock=time.time, tasks=tasks)
        try:
            await vault.open()
            yield vault
        finally:
            await vault.close()
