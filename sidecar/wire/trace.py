"""W3C Trace Context and Baggage: a trace that can be read strictly is continued, another begins anew. Pure.

``traceparent`` is ``version-traceid-parentid-flags`` in lower-case hex. Version ``ff`` and ids of zeros only are no
trace; a version above ``00`` is read by its first four fields, and what follows them must begin with ``-``. What goes
on is always version ``00``. A ``tracestate`` belongs to its ``traceparent``: where a trace begins anew, it is
dropped. Everything here is bytes in, bytes out, as on the wire.

Sources: W3C Trace Context, sections 3.2 and 3.3; W3C Baggage, section 3.3; OpenTelemetry's ``TraceIdRatioBased``.
"""

import os
import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote_plus

_TRACEPARENT = re.compile(rb"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
_LATER = re.compile(
    rb"(?!ff|00)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?", re.DOTALL
)
_MEMBER = re.compile(
    rb"([a-z0-9][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})"
    rb"=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
)
_SUSPECT = re.compile(rb"%|identity", re.IGNORECASE).search
MOST_STATE, MOST_STATE_MEMBERS = 512, 32
MOST_BAGGAGE, MOST_BAGGAGE_MEMBERS = 8192, 64
_FLAGS = 0x03  # sampled, and Level 2's random-trace-id: the bits that have a meaning to pass on
_PASSED_ON = {b"%02x" % flags: b"%02x" % (flags & _FLAGS) for flags in range(256)}


class Parent(NamedTuple):
    """What a caller's ``traceparent`` says."""

    trace_id: bytes
    """32 lower-case hex digits, not all zero."""
    span_id: bytes
    """16 lower-case hex digits, not all zero."""
    flags: bytes
    """``00`` to ``03``."""


class Trace(NamedTuple):
    """One request inside its trace: the ids as lower-case hex."""

    trace_id: bytes
    span_id: bytes
    """The sidecar's own span, the parent of whatever the agent does."""
    parent: bytes
    """The caller's span; empty where the trace begins here."""
    flags: bytes

    @property
    def sampled(self) -> bool:
        return self.flags in (b"01", b"03")

    @property
    def traceparent(self) -> bytes:
        return b"00-%b-%b-%b" % (self.trace_id, self.span_id, self.flags)


class Ids:
    """Random ids as hex, drawn in batches: a system call for each would cost as much as the rest of a request's trace.

    Not to be used by two threads, nor on both sides of a fork: both would draw the same ids.
    """

    __slots__ = ("_at", "_bytes", "_drawn", "_random")

    def __init__(self, random: Callable[[int], bytes] = os.urandom, batch: int = 4096) -> None:
        self._random = random
        self._bytes = batch
        self._drawn = b""
        self._at = 0

    def trace(self) -> bytes:
        """32 hex digits, not all zero."""
        at = self._at
        if at + 32 > len(self._drawn):
            at = self._draw()
        self._at = at + 32
        return self._drawn[at : at + 32]

    def span(self) -> bytes:
        """16 hex digits, not all zero."""
        at = self._at
        if at + 16 > len(self._drawn):
            at = self._draw()
        self._at = at + 16
        return self._drawn[at : at + 16]

    def both(self) -> tuple[bytes, bytes]:
        """A trace's id and a span's."""
        at = self._at
        if at + 48 > len(self._drawn):
            at = self._draw()
        self._at = at + 48
        return self._drawn[at : at + 32], self._drawn[at + 32 : at + 48]

    def _draw(self) -> int:
        drawn = self._random(self._bytes).hex().encode()
        while b"0" * 16 in drawn:  # once in 10^15 batches; looked for here, so that no single id has to be
            drawn = self._random(self._bytes).hex().encode()
        self._drawn = drawn
        return 0


class Tracer:
    """Continues callers' traces and begins new ones, *ratio* of which are sampled (0 to 1, by trace id)."""

    __slots__ = ("_bound", "_ids")

    def __init__(self, ids: Ids, ratio: float = 1.0) -> None:
        self._ids = ids
        bound = round(ratio * (1 << 64))
        # As hex digits compare like the numbers they spell. "g" is above every digit: everything is sampled.
        self._bound = b"g" if bound > 0xFFFF_FFFF_FFFF_FFFF else b"%016x" % max(bound, 0)

    def enter(self, traceparent: bytes | None) -> Trace:
        """The trace of a request that came with *traceparent*, or without one."""
        if traceparent is not None:
            found = _TRACEPARENT.fullmatch(traceparent) or _LATER.fullmatch(traceparent)
            if found is not None:
                trace_id, parent, flags = found.groups()
                return Trace(trace_id, self._ids.span(), parent, _PASSED_ON[flags])
        trace_id, span_id = self._ids.both()
        flags = b"01" if trace_id[16:] < self._bound else b"00"
        return tuple.__new__(Trace, (trace_id, span_id, b"", flags))  # the class's own way takes twice as long


def parse(traceparent: bytes) -> Parent | None:
    """Read *traceparent*, or ``None`` where it is no trace that can be continued."""
    found = _TRACEPARENT.fullmatch(traceparent) or _LATER.fullmatch(traceparent)
    if found is None:
        return None
    trace_id, span_id, flags = found.groups()
    return Parent(trace_id, span_id, _PASSED_ON[flags])


def tracestate(value: bytes) -> bytes:
    """*value* unchanged where it is a valid ``tracestate`` (its header lines joined by ``,``), else nothing."""
    if len(value) > MOST_STATE:
        return b""
    members = [member for member in (part.strip(b" \t") for part in value.split(b",")) if member]
    if len(members) > MOST_STATE_MEMBERS:
        return b""
    keys = set()
    for member in members:
        found = _MEMBER.fullmatch(member)
        if found is None or found[1] in keys:
            return b""
        keys.add(found[1])
    return value if members else b""


def strip_identity(baggage: bytes) -> bytes:
    """*baggage* (its lines joined by ``,``) without ``identity.*`` members, cut to whole members within the bounds.

    A receiver may decode a key before it compares: so it is decoded here, as often as there is anything to decode.
    """
    if len(baggage) <= MOST_BAGGAGE and baggage.count(b",") < MOST_BAGGAGE_MEMBERS and not _SUSPECT(baggage):
        return baggage.strip(b" \t")
    kept: list[bytes] = []
    size = 0
    for part in baggage.split(b","):
        member = part.strip(b" \t")
        if not member or _identity(member):
            continue
        size += len(member) + 1
        if size > MOST_BAGGAGE + 1 or len(kept) == MOST_BAGGAGE_MEMBERS:
            break
        kept.append(member)
    return b",".join(kept)


def _identity(member: bytes) -> bool:
    return baggage_key(member).startswith("identity.")


def baggage_key(member: bytes) -> str:
    """The key of a member of ``baggage`` as the most obliging receiver reads it: decoded to the end, lower-case."""
    key = member.partition(b"=")[0].partition(b";")[0].decode("latin-1")
    before = ""
    while key != before:
        before, key = key, unquote_plus(key, errors="replace")
    return key.strip().lower()
