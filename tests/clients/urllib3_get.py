"""urllib3's pool as it is, which obeys no proxy variable."""

import urllib3


def call(url: str, key: str) -> str:
    with urllib3.PoolManager(retries=False) as pool:
        answer = pool.request("GET", f"{url}/who", headers={"Authorization": f"Bearer {key}"})
        return str(answer.json()["name"])
