"""The outside world as one function type: messages are built and parsed purely, ``assembly`` supplies the ``Fetch``."""

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC


class Unreachable(Exception):
    """No usable HTTP answer came: name resolution, connection, TLS, time or size. The text says which, without
    secrets."""


class Late(Unreachable):
    """It didn't come in time."""


@dataclass(frozen=True, slots=True)
class Request:
    """A call that the sidecar makes for itself."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
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


def retry_after(value: str | None, now: float, most: int = 3600) -> int | None:
    """``Retry-After`` in seconds (RFC 9110, section 10.2.3: a number of them, or a date), 1 to *most*; *now* is epoch
    seconds. ``None`` where there is none that can be read."""
    if value is None:
        return None
    if (text := value.strip()).isascii() and text.isdecimal():
        return max(1, min(most, int(text[:9])))
    from email.utils import parsedate_to_datetime

    try:
        date = parsedate_to_datetime(text)
        # One of the three forms doesn't say that it is UTC (RFC 9110, section 5.6.7).
        seconds = date.replace(tzinfo=date.tzinfo or UTC).timestamp() - now
    except (ValueError, OverflowError):
        return None
    return max(1, min(most, math.ceil(seconds)))
