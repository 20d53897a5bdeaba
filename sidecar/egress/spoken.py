"""What the head of a request says to an MCP server, and what an answer's does. Pure.

Whatever the server may decide by comes once and in one spelling: a header with ``_`` is to CGI and WSGI the one with
``-``, and which of two counts nobody knows.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from sidecar.egress.fields import Plan
from sidecar.errors import BadRequest, DestinationDenied
from sidecar.mcp import mirrored
from sidecar.relay.head import Head

_SESSION, _TYPE, _CODING = b"mcp-session-id", b"content-type", b"content-encoding"
_ONCE = frozenset({_SESSION, _TYPE, _CODING, b"last-event-id", *mirrored.NAMES})
_METHODS = frozenset({b"GET", b"POST", b"DELETE"})
_JSON = re.compile(rb'application/json[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?', re.IGNORECASE).fullmatch
_VISIBLE = re.compile(rb"[\x21-\x7e]{1,1024}").fullmatch
NOT_SENT = frozenset({b"accept-encoding", b"accept_encoding"})
"""Answers are read on their way."""


@dataclass(frozen=True, slots=True)
class Spoken:
    version: str | None
    """``MCP-Protocol-Version``,"""
    method: str | None
    """``Mcp-Method``"""
    name: str | None
    """and ``Mcp-Name``, as they came."""
    session: bytes | None = field(repr=False)
    """``Mcp-Session-Id``."""


def spoken(head: Head[Plan], below: bytes) -> Spoken:
    """*below*: the path behind the route's own. Raise ``DestinationDenied`` or ``BadRequest``."""
    if below != b"/" or head.method not in _METHODS:
        mend = "Send GET, POST and DELETE to the route's url itself: an MCP server has no other path."
        raise DestinationDenied("a path or a method that MCP doesn't have", mend=mend)
    at = head.shape.at
    if any(name in _ONCE for name, _ in head.shape.plan.other) or any(len(at.get(name, ())) > 1 for name in _ONCE):
        raise BadRequest("a header of MCP's that is there twice", mend="Send each header of MCP once, with hyphens.")
    if head.websocket or _value(head, _CODING).lower() not in (b"", b"identity"):
        raise BadRequest(
            "an upgrade, or a body in a coding", mend="Send plain HTTP, and bodies without Content-Encoding."
        )
    if head.method == b"POST" and not _JSON(_value(head, _TYPE)):
        raise BadRequest("the body isn't application/json", mend="Send  Content-Type: application/json , in UTF-8.")
    session = _value(head, _SESSION) if _SESSION in at else None
    if session is not None and not _VISIBLE(session):
        raise BadRequest("Mcp-Session-Id isn't an id", mend="Send the id that the server gave, as it came.")
    version, method, name = (_value(head, each).decode("latin-1") if each in at else None for each in mirrored.NAMES)
    return Spoken(version, method, name, session)


def _value(head: Head[Plan], name: bytes) -> bytes:
    indices = head.shape.at.get(name)
    return head.value(indices[0]) if indices else b""


@dataclass(frozen=True, slots=True)
class Answered:
    """What an answer's head says."""

    json: bool
    events: bool
    session: bytes | None = field(repr=False)


def answered(lines: Iterable[bytes]) -> Answered:
    """Raise ``ValueError`` where it can't be read what follows."""
    types, sessions = [], []
    for line in lines:
        name, _, value = line.partition(b":")
        name, value = name.lower(), value.strip(b" \t")
        if name == _TYPE:
            types.append(value.lower())
        elif name == _SESSION:
            sessions.append(value)
        elif name == _CODING and value.lower() not in (b"", b"identity"):
            raise ValueError("it is compressed, which nobody asked for")
    if len(types) > 1 or len(set(sessions)) > 1:
        raise ValueError("it has a header twice")
    # Clients differ in how closely they look at the type: one takes whatever contains the words.
    said = types[0] if types else b""
    json, events = b"json" in said, b"event-stream" in said
    if json and events:
        raise ValueError("its type can be read in two ways")
    return Answered(json, events, sessions[0] if sessions else None)
