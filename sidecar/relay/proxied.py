"""Request heads as a forward proxy gets them: absolute form and CONNECT beside the origin form (RFC 9112, section 3.2).

A proxied head is rewritten to origin form and then read as any other: both gates see it, and whom it is for is kept
beside it, as ``Head.authority``. What stands there is well-formed only as far as splitting goes; who takes it for a
host reads it strictly.
"""

import re
from typing import TypeVar

from sidecar.errors import BadRequest
from sidecar.relay.head import Head, Shapes, parse

_ABSOLUTE = re.compile(
    rb"([A-Z][A-Z\-]{0,31}+) ((?i:https?)://[\x21\x22\x24-\x2e\x30-\x3e\x40-\x7e]{1,512})"
    rb"((?:/[\x21\x22\x24-\x7e]*+)?)((?:\?[\x21\x22\x24-\x7e]*+)?) HTTP/1\.([01])\r\n"
)
_CONNECT = re.compile(rb"CONNECT ([\x21-\x7e]{1,512}) HTTP/1\.([01])\r\n")
_HOST_LINE = re.compile(rb"\r\nhost[ \t]*:", re.IGNORECASE)

T = TypeVar("T")


def read(data: bytes, shapes: Shapes[T], before: Head[T] | None = None) -> Head[T]:
    """Read one request head of any form, its empty line included. Raise ``BadRequest`` or ``AmbiguousCredentials``."""
    if data.startswith(b"CONNECT "):
        return _connect(data, shapes)
    if data[data.find(b" ") + 1 : data.find(b" ") + 2] == b"/":
        return parse(data, shapes, before)
    found = _ABSOLUTE.match(data)
    if found is None or found[1] in (b"CONNECT", b"TRACE"):
        raise BadRequest("the request line is not HTTP/1.x in origin or absolute form")
    method, authority, path, query, minor = found.groups()
    rest = data[found.end() :]
    head = parse(b"%b %b%b HTTP/1.%b\r\n%b" % (method, path or b"/", query, minor, rest), shapes, before)
    head.authority = authority
    return head


def _connect(data: bytes, shapes: Shapes[T]) -> Head[T]:
    """CONNECT has no path and no body (RFC 9110, section 9.3.6)."""
    found = _CONNECT.match(data)
    if found is None:
        raise BadRequest("the request line is not CONNECT, a host and a port")
    authority, minor = found.groups()
    rest = data[found.end() - 2 :]
    if minor == b"0" and not _HOST_LINE.search(rest):
        rest = b"\r\nHost: " + authority + rest  # as Python's own client, up to 3.11, doesn't say it
    head = parse(b"GET / HTTP/1.%b%b" % (minor, rest), shapes)
    if head.length or head.chunked or head.websocket:
        raise BadRequest("CONNECT with a body or an upgrade")
    head.method, head.target, head.path, head.authority = b"CONNECT", authority, b"", authority
    head.whole = data  # not the one that was read in its stead: that one, should it come, is another
    return head
