"""requests."""

import requests


def call(url: str, key: str) -> str:
    answer = requests.get(f"{url}/who", headers={"Authorization": f"Bearer {key}"}, timeout=10)
    answer.raise_for_status()
    return str(answer.json()["name"])
