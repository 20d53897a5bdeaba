"""A sidecar's vault in a process of its own, which refreshes and says what it got.

``python -m tests.vault.racer STORE FOLDER SOCKET CALLERS``: a line in begins a round in which so many callers refresh
alice's grant at once; a line out says the distinct refresh tokens they got, ``!`` and an error's name among them.
"""

import asyncio
import sys
from functools import partial
from pathlib import Path

from sidecar.secret import Secret
from sidecar.vault.grant import Grant
from sidecar.vault.stores import store
from sidecar.vault.vault import Vault
from tests.vault.grants import ALICE, CALENDAR
from tests.vault.provider import renew_at
from tests.vault.vaults import opened


def say(*words: str) -> None:
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


async def call(vault: Vault, known: Grant, socket: Path) -> str:
    try:
        new = await vault.refresh(known, partial(renew_at, socket))
    except Exception as error:  # noqa: BLE001 - it is what is told
        return f"!{type(error).__name__}"
    return new.refresh_token.reveal() if new.refresh_token else "!dead"


async def race(url: str, folder: Path, socket: Path, callers: int) -> None:
    loop = asyncio.get_running_loop()
    async with opened(store(Secret(url), folder), folder) as vault:
        say("ready")
        while await loop.run_in_executor(None, sys.stdin.readline):
            (known,) = await vault.find(ALICE, CALENDAR)
            say("known")
            await loop.run_in_executor(None, sys.stdin.readline)
            got = await asyncio.gather(*(call(vault, known, socket) for _ in range(callers)))
            say(*sorted(set(got)))


if __name__ == "__main__":
    asyncio.run(race(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])))
