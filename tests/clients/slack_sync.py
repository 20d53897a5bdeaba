"""slack_sdk, which asks with urllib."""

from slack_sdk import WebClient


def call(url: str, key: str) -> str:
    return str(WebClient(token=key, base_url=f"{url}/api/").auth_test()["user"])
