"""The request that reached the agent, as ``/echo`` tells it."""

import base64
import hashlib
from collections import Counter
from typing import Any

import aiohttp
import jwt

from tests.journeys.given import bearer
from tests.running import Running


async def seen(
    client: aiohttp.ClientSession, served: Running, token: str | None, *more: tuple[str, str], path: str = "/echo"
) -> dict[str, str]:
    """The agent's headers of one call, each of them only once."""
    headers = [*bearer(token).items(), *more] if token else list(more)
    async with client.get(served.url + path, headers=headers) as response:
        assert response.status == 200, await response.text()
        pairs = (await response.json())["headers"]
    twice = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
    assert not twice
    return dict(pairs)


def key_of(issuer: str, tenant: str, subject: str) -> str:
    """A principal's key as one string, by the rule that handlers rely on."""
    digest = hashlib.sha256(f"{issuer}\0{tenant}\0{subject}".encode()).digest()
    return "p_" + base64.b32encode(digest).decode().lower()[:32]


def identity(headers: dict[str, str]) -> dict[str, str]:
    """What the agent reads about the principal, without what differs from call to call."""
    found = {name.removeprefix("x-identity-"): value for name, value in headers.items() if "x-identity-" in name}
    del found["invocation"]
    return found


async def refused(client: aiohttp.ClientSession, running: Running, token: str | None) -> str:
    """The code of a 401."""
    assert token is not None
    async with client.get(running.url + "/echo", headers=bearer(token)) as response:
        assert response.status == 401, await response.text()
        return response.headers["Sidecar-Error"]


def claims_of(token: str) -> dict[str, Any]:
    """What *token* says, unverified."""
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims
