"""openai's asyncio client."""

import asyncio

from openai import AsyncOpenAI


def call(url: str, key: str) -> str:
    return asyncio.run(ask(url, key))


async def ask(url: str, key: str) -> str:
    async with AsyncOpenAI(api_key=key, base_url=f"{url}/v1", max_retries=0) as client:
        answer = await client.chat.completions.create(model="any", messages=[{"role": "user", "content": "Who am I?"}])
        return str(answer.choices[0].message.content)
