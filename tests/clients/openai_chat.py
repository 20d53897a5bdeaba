"""openai, which asks with httpx2."""

from openai import OpenAI


def call(url: str, key: str) -> str:
    with OpenAI(api_key=key, base_url=f"{url}/v1", max_retries=0) as client:
        answer = client.chat.completions.create(model="any", messages=[{"role": "user", "content": "Who am I?"}])
        return str(answer.choices[0].message.content)
