"""From a ring to its audit log: records become lines, in batches, without anything being parsed.

``write`` runs in a thread and only reads the ring; ``settle`` runs where events are recorded and moves the reader on.
A record whose number the log already has is skipped: that is how a crash between the two leaves no line twice.
"""

import json
import re
from datetime import UTC, datetime
from struct import Struct
from typing import Final, NamedTuple

from sidecar.journal.audit import AuditLog
from sidecar.journal.ring import RECORD, Ring

_PIECE: Final = 1 << 16  # about 100 µs of this thread's work between two writes, which let the event loop run
_BATCH: Final = 4 << 20
_TIME: Final = re.compile(rb'\{"time_ns":(\d{1,19}),')
_DIGITS: Final = 19  # of nanoseconds since the epoch, from 2001 to 2286
_COMMA: Final = ord(",")
_TIMED: Final = Struct(
    "=IIQ21s9sB"
)  # a record's head, and how its event begins: up to the second, nanoseconds, a comma
_PADDING: Final = bytes(_TIMED.size)


class Batch(NamedTuple):
    """How far a batch came in the ring, and in the log."""

    position: int
    next_seq: int


class Drain:
    """One ring's reader."""

    def __init__(self, ring: Ring, log: AuditLog) -> None:
        self.ring = ring
        self.log = log
        self._second = self._spelled = b""

    def write(self, now: float) -> Batch:
        """Have a batch of what is unread in the log, on the disk. Raise ``OSError``."""
        start, end = self.ring.span
        position, most = start, _PIECE
        while position < end and position - start < _BATCH:
            position, raw = self.ring.piece(position, end, most)
            used, first, last, lines = self._lines(raw, self.log.last_seq)
            if lines:
                self.log.append(lines, first, last, now)
            position += used
            most = _PIECE if used else 2 * most
        self.log.sync()
        return Batch(position, self.log.last_seq + 1)

    def settle(self, batch: Batch) -> None:
        """Move the reader on. In the thread that appends to the ring."""
        self.ring.advance(batch.position, batch.next_seq)

    def all(self, now: float) -> None:
        """Drain whatever is there, in this thread. Raise ``OSError``."""
        while self.ring.unread:
            self.settle(self.write(now))

    def _lines(self, raw: bytes, after: int) -> tuple[int, int, int, bytes]:
        """The whole records in *raw* numbered above *after*: bytes used, first and last number, their lines."""
        lines: list[bytes] = []
        at = first = last = 0
        end = len(raw)
        padded = raw + _PADDING
        second, spelled = self._second, self._spelled
        while at < end:
            size, _, seq, begins, nanoseconds, behind = _TIMED.unpack_from(padded, at)
            stop = at + RECORD.size + size
            if stop > end:  # cut by the piece, or a lap's skipped end
                break
            if seq > after:
                if begins == second and behind == _COMMA:
                    rest = padded[at + _TIMED.size - 1 : stop]
                    lines.append(b'{"seq":%d,"time":"%b.%bZ"%b\n' % (seq, spelled, nanoseconds, rest))
                else:
                    lines.append(self._line(seq, padded[at + RECORD.size : stop]))
                    second, spelled = self._second, self._spelled
                first = first or seq
                last = seq
            at = stop + 7 & -8
        return at, first, last, b"".join(lines)

    def _line(self, seq: int, event: bytes) -> bytes:
        """The line of an *event* that is the first of its second."""
        found = _TIME.match(event)
        if found is None:  # nobody's event: kept as it is, so that it is neither lost nor in the way
            text = json.dumps(event.decode("latin-1")).encode()
            return b'{"seq":%d,"time":"1970-01-01T00:00:00.000000000Z","event":%b}\n' % (seq, text)
        seconds, nanoseconds = divmod(int(found[1]), 1_000_000_000)
        spelled = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()
        if len(found[1]) == _DIGITS:
            self._second, self._spelled = event[:21], spelled
        return b'{"seq":%d,"time":"%b.%09dZ",%b\n' % (seq, spelled, nanoseconds, event[found.end() :])
