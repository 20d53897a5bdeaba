"""The two cookies of the consent pages (RFC 6265bis). Pure.

One ties what a browser was sent away with to that browser, and stays; the other says that its user has signed in, and
is new with each sign-in. ``__Host-`` keeps other hosts of the domain, and anybody on plain http, from setting them.
"""

import re
from collections.abc import Iterable

_VALUE = re.compile(r"[A-Za-z0-9_-]{43}")
BROWSER, SIGNED_IN = "browser", "signed-in"


def name(which: str, *, secure: bool) -> str:
    """On plain http, which development alone has, there is no ``__Host-``: not every browser takes it there."""
    return f"__Host-{which}" if secure else f"consent-{which}"


def read(fields: Iterable[str], which: str, *, secure: bool) -> str | None:
    """Its value in a request's ``Cookie`` fields; ``None`` where there is none, or none of ours, or two."""
    wanted = name(which, secure=secure)
    pairs = [pair.strip().partition("=") for field in fields for pair in field.split(";")]
    values = {value for key, _, value in pairs if key == wanted}
    return found if len(values) == 1 and _VALUE.fullmatch(found := values.pop()) else None


def written(which: str, value: str, *, secure: bool) -> str:
    """``Set-Cookie``; an empty *value* ends it."""
    ends = "" if value else "; Max-Age=0"
    safe = "; Secure" if secure else ""
    return f"{name(which, secure=secure)}={value}; Path=/{safe}; HttpOnly; SameSite=Lax{ends}"
