"""slack_sdk's asyncio client, which asks with aiohttp."""

import asyncio

from slack_sdk.web.async_client import AsyncWebClient


def call(url: str, key: str) -> str:
    return str(asyncio.run(ask(url, key)))


async def ask(url: str, key: str) -> str:
    answer = await AsyncWebClient(token=key, base_url=f"{url}/api/").auth_test()
    return str(answer["user"])
