"""Events to record, and how to read what became of them."""

import json
from pathlib import Path
from typing import Any

from sidecar.journal.audit import entries
from sidecar.journal.ring import RECORD, Record, Ring, whole

NOW = 1_795_516_435.5
SECOND = 1_000_000_000


def event(number: int, size: int = 0) -> bytes:
    """An event that can be told from others by its *number*, of at least *size* bytes."""
    time_ns = int(NOW) * SECOND + number
    begins = b'{"time_ns":%d,"name":"identity.init","number":%d,"padding":"' % (time_ns, number)
    return begins + b"x" * (size - len(begins) - 2) + b'"}'


def lines(state: Path, log: str = "events") -> list[dict[str, Any]]:
    """Everything in a log of the journal in *state*; each line must be whole."""
    return [json.loads(line) for line in entries(state / "audit", log)]


def numbers(state: Path, log: str = "events") -> list[int]:
    return [line["number"] for line in lines(state, log)]


def unread(ring: Ring) -> list[Record]:
    """The records between the reader and the writer."""
    found = []
    position, end = ring.span
    while position < end:
        position, raw = ring.piece(position, end, ring.capacity)
        at = 0
        while (record := whole(raw, at, len(raw))) is not None:
            found.append(record)
            at += RECORD.size + len(record.payload) + 7 & -8
        position += at
    return found


def read(ring: Ring, count: int) -> list[Record]:
    """Read *count* records, and move the reader on."""
    records = unread(ring)[:count]
    position, end = ring.span
    for record in records:
        position, _ = ring.piece(position, end, 8)
        position += RECORD.size + len(record.payload) + 7 & -8
    if records:
        ring.advance(position, records[-1].seq + 1)
    return records
