"""A provider that rotates refresh tokens, and revokes them all when one comes a second time."""

import asyncio
from dataclasses import replace
from pathlib import Path

from sidecar.errors import GrantDead
from sidecar.secret import Secret
from sidecar.vault.grant import Grant


class Provider:
    """``renew`` is what the vault is given; ``serve`` offers the same to other processes, by ``renew_at``."""

    def __init__(self, first: Secret, *, seconds: float = 0.0) -> None:
        self.family, self.number = first.reveal(), 0
        self.refresh_token = self.family
        self.seconds = seconds
        self.calls = 0
        self.dead = False

    async def renew(self, grant: Grant) -> Grant:
        assert grant.refresh_token is not None
        return renewed(grant, await self.exchanged(grant.refresh_token.reveal()))

    async def exchanged(self, refresh_token: str) -> str:
        """The new one, or an empty text."""
        self.calls += 1
        if refresh_token != self.refresh_token or self.dead:
            self.dead = True
            return ""
        self.number += 1
        self.refresh_token = f"{self.family}-{self.number}"
        new = self.refresh_token
        await asyncio.sleep(self.seconds)
        return new

    async def serve(self, path: Path) -> asyncio.Server:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                line = (await reader.readline()).decode().strip()
                if line:
                    writer.write((await self.exchanged(line) + "\n").encode())
                    await writer.drain()
            except ConnectionError:
                pass  # who asked was killed
            finally:
                writer.close()

        return await asyncio.start_unix_server(answer, path)


def renewed(grant: Grant, refresh_token: str) -> Grant:
    if not refresh_token:
        raise GrantDead("invalid_grant")
    access = Secret("access-" + refresh_token)
    return replace(grant, refresh_token=Secret(refresh_token), access_token=access)


async def renew_at(path: Path, grant: Grant) -> Grant:
    assert grant.refresh_token is not None
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write((grant.refresh_token.reveal() + "\n").encode())
        return renewed(grant, (await reader.readline()).decode().strip())
    finally:
        writer.close()
