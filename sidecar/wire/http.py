"""The outside world as one function type: messages are built and parsed purely, ``assembly`` supplies the ``Fetch``."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field


class Unreachable(Exception):
    """No usable HTTP answer came: name resolution, connection, TLS, time or size. The text says which, without
    secrets."""


@dataclass(frozen=True, slots=True)
class Request:
    """A call that the sidecar makes for itself."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    seconds: float = 5.0
    """The whole exchange's time limit, in seconds."""
    most: int = 1 << 20
    """The largest answer body that is read, in bytes; a larger one is ``Unreachable``."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer; header names are lower-case, redirects are handed back."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


Fetch = Callable[[Request], Awaitable[Response]]
"""Raises ``Unreachable``."""
