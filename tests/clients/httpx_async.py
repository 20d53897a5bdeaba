"""httpx's asyncio client."""

import asyncio

import httpx


def call(url: str, key: str) -> str:
    return asyncio.run(ask(url, key))


async def ask(url: str, key: str) -> str:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{url}/who", headers={"Authorization": f"Bearer {key}"})
        return str(answer.raise_for_status().json()["name"])
