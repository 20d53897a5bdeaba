"""anthropic, which asks with httpx2."""

from anthropic import Anthropic


def call(url: str, key: str) -> str:
    with Anthropic(api_key=key, base_url=url, max_retries=0) as client:
        answer = client.messages.create(model="any", max_tokens=9, messages=[{"role": "user", "content": "Who am I?"}])
        return str(answer.content[0].text)
