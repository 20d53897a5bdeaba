"""base64url and JSON read strictly: one spelling, one meaning."""

import base64
import json
import re
from typing import Any, NoReturn

_BASE64URL = re.compile(rb"[A-Za-z0-9_-]*")
MOST_DEPTH = 32


def base64url(text: bytes) -> bytes:
    """Decode unpadded base64url (RFC 7515, section 2). Raise ``ValueError`` for padding, other alphabets and non-zero
    trailing bits."""
    if not _BASE64URL.fullmatch(text) or len(text) % 4 == 1:
        raise ValueError("not unpadded base64url")
    decoded = base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    if len(text) % 4 and base64url_encode(decoded) != text:
        raise ValueError("base64url with stray bits at its end")
    return decoded


def base64url_encode(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def json_object(text: bytes, most_depth: int = MOST_DEPTH) -> dict[str, Any]:
    """Read one JSON object (RFC 8259, UTF-8). Raise ``ValueError`` for a repeated member, NaN, depth above
    *most_depth*, or another type."""
    if _depth(text) > most_depth:
        raise ValueError(f"JSON deeper than {most_depth} levels")
    try:
        value = json.loads(text.decode(), object_pairs_hook=_once, parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError("JSON too deep") from error
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - to callers every unreadable text is one ValueError
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a JSON member appears twice")
    return members


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


# One that has no end is taken to the end of the text: to look for the next from each quotation mark within would take
# the square of its length.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.?[^"\\]*+)*+(?:"|\Z)', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def _depth(text: bytes) -> int:
    """The deepest nesting of brackets outside strings."""
    deepest = depth = 0
    for character in _STRING.sub(b"", text).translate(None, _NO_BRACKETS):
        if character in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
    return deepest
