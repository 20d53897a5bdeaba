"""The configuration's JSON Schema (draft 2020-12), for editors, made of the table."""

from typing import Any


def document() -> dict[str, Any]:
    return {}
