"""Paths, methods and names of headers. Every function raises ``Misfit`` for a text that isn't one."""

import re

from sidecar.settings.problem import Misfit

PATH = "/[!$&-.0-;=@-Z_a-z~/]*"
"""RFC 3986, section 3.3, without percent-encoding."""
METHOD = "[A-Z][A-Z-]{0,31}"
HEADER = "[A-Za-z0-9!#$&'*+.^_`|~-]{1,64}"
_TAKEN = (
    "x-identity-.*|sidecar-error|x-trace-id|traceparent|tracestate|baggage|forwarded|x-forwarded-.*|host|content-(length|type|encoding)"
    "|connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|expect|cookie|set-cookie"
)
"""HTTP's own, and those that the sidecar sets or removes; ``_`` is read as ``-``."""


def path(text: str) -> str:
    """A path that is compared exactly, or as a prefix where it ends with ``/``."""
    if not text.startswith("/"):
        raise Misfit("does not begin with /", f"Write /{text}")
    if "%" in text:
        # A request whose path selects different rules raw and decoded is refused, so no request would be let through.
        raise Misfit("has a % in it", "Paths are compared as they are sent; no rule can name an encoded character.")
    if "*" in text:
        raise Misfit("has a * in it", "A path that ends with / is a prefix; any other is compared exactly.")
    if not re.fullmatch(PATH, text):
        raise Misfit("is not a path", "Write a path alone, in visible ASCII, without ? and #.")
    if {".", ".."} & set(text.split("/")):
        raise Misfit("has a dot segment", "Write it without  /./  and  /../ ; requests that have them are refused.")
    return text


def method(text: str) -> str:
    if text != text.upper():
        raise Misfit("is not in capitals", f"Write {text.upper()}")
    if not re.fullmatch(METHOD, text) or text in ("CONNECT", "TRACE"):
        raise Misfit("is not a method that is passed on", "Write one such as GET or POST.")
    return text


def header(text: str) -> str:
    """The name of a header that may hold a credential."""
    if not re.fullmatch(HEADER, text):
        raise Misfit("is not the name of a header", "Write it like  X-Api-Key")
    if re.fullmatch(_TAKEN, text.lower().replace("_", "-")):
        raise Misfit(
            "is a header of HTTP's or the sidecar's own", "Name the header that the API documents, such as X-Api-Key."
        )
    return text
