"""What every answer of the identity API looks like. Pure."""

import json
from collections.abc import Mapping
from typing import Any

from sidecar.api.asked import Asked

_ALWAYS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def headers(asked: Asked) -> dict[str, str]:
    return {**_ALWAYS, "X-Trace-Id": asked.trace_id.decode()}


def lines(asked: Asked, date: bytes) -> bytes:
    """All of an answer with a document, each with its CRLF, without framing."""
    return _LINES % (asked.trace_id, date)


_LINES = (
    "".join(f"{name}: {value}\r\n" for name, value in _ALWAYS.items())
    + "X-Trace-Id: %b\r\nContent-Type: application/json\r\nDate: %b\r\n"
).encode()


def document(said: Mapping[str, Any]) -> bytes:
    return json.dumps(said).encode()
