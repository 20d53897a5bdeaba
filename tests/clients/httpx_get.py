"""httpx."""

import httpx


def call(url: str, key: str) -> str:
    answer = httpx.get(f"{url}/who", headers={"Authorization": f"Bearer {key}"})
    return str(answer.raise_for_status().json()["name"])
