"""The headers in which a message is said a second time (2026-07-28, "Streamable HTTP"). Pure.

Servers and whatever stands before them may go by the headers alone. The decision is made on the body, so a header that
says something else is refused, whatever the era; from 2026-07-28 on they must be there.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error

from sidecar.mcp.message import Kind, Message
from sidecar.mcp.methods import REQUESTS, Method

NAMES = (b"mcp-protocol-version", b"mcp-method", b"mcp-name")
_FIRST_STATELESS = "2026-07-28"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch
_ENCODED = re.compile(r"=\?base64\?(.*)\?=").fullmatch
_NONE = Method(REQUESTS["ping"].need)


def stateless(version: str | None) -> bool:
    """Whether *version*, of ``MCP-Protocol-Version``, is one without sessions."""
    return version is not None and _DATE(version) is not None and version >= _FIRST_STATELESS


def mismatch(message: Message, version: str | None, method: str | None, name: str | None) -> str | None:
    """Which of the headers says something else than *message*, or is missing; ``None``: none."""
    must = stateless(version) and message.kind is Kind.REQUEST
    if message.version is not None and message.version != version:
        return "MCP-Protocol-Version"
    if method != message.method and (method is not None or must):
        return "Mcp-Method"
    named = REQUESTS.get(message.method, _NONE).names
    if named and (name is not None or must) and _decoded(name) != message.params.get(named):
        return "Mcp-Name"
    return None


def _decoded(value: str | None) -> str | None:
    """What a header's value stands for: what isn't plain ASCII comes as base64, in one spelling."""
    found = _ENCODED(value) if value is not None else None
    if found is None:
        return value
    try:
        plain = b64decode(found[1], validate=True)
        return plain.decode() if b64encode(plain).decode() == found[1] else None
    except (Error, UnicodeDecodeError):
        return None
