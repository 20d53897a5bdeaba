"""When a request's path can be read in two ways (RFC 3986, sections 2.1 and 6.2). Pure."""

import re
from urllib.parse import unquote_to_bytes

_SUSPECT = re.compile(rb"[%\\;]|//|/\.").search
_PLAIN = b"/-_~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DOT_SEGMENT = re.compile(rb"(?:^|/)\.{1,2}(?:/|$)")
_MOST_DECODINGS = 4


def suspect(path: bytes) -> bool:
    """True of every path that could be read in two ways, and of some others."""
    if not path.translate(None, _PLAIN):  # as of most: it takes a fraction of a search's time
        return b"//" in path
    return _SUSPECT(path) is not None


def plainest(path: bytes) -> bytes:
    """*path* as the most obliging server would read it: decoded to the end, parameters cut, slashes folded.

    Raise ``ValueError`` for a path with a dot segment, however it is written, or encoded many times over.
    """
    plain = path
    for _ in range(_MOST_DECODINGS):
        decoded = unquote_to_bytes(plain)
        if decoded == plain:
            break
        plain = decoded
    else:
        raise ValueError("a path encoded many times over")
    plain = plain.replace(b"\\", b"/")
    plain = re.sub(rb";[^/]*", b"", plain)
    plain = re.sub(rb"/{2,}", b"/", plain)
    if _DOT_SEGMENT.search(plain) or _DOT_SEGMENT.search(path):
        raise ValueError("a dot segment")
    return plain
