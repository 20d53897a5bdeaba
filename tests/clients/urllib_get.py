"""urllib."""

import json
from urllib.request import Request, urlopen


def call(url: str, key: str) -> str:
    with urlopen(Request(f"{url}/who", headers={"Authorization": f"Bearer {key}"}), timeout=10) as answer:
        return str(json.load(answer)["name"])
