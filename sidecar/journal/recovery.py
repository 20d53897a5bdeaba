"""What a process that died has left: taken up, or where it is damaged, saved as far as it is readable and set aside."""

import errno
import logging
from pathlib import Path
from typing import Final, NamedTuple

from sidecar.journal.audit import AuditLog
from sidecar.journal.drain import Drain
from sidecar.journal.ring import LEAST, PAGE, RECORD, Damaged, Record, Ring, whole

_log = logging.getLogger("sidecar.journal")
_BEGINS: Final = b'{"time_ns":'
_KEPT_ASIDE: Final = 3


class Aside(NamedTuple):
    """A damaged ring: where its file is now, and how many events of it were saved."""

    path: Path
    recovered: int


def take_up(path: Path, size: int, log: AuditLog, now: float) -> tuple[Ring, Aside | None]:
    """The ring at *path*, of *size* bytes, with all that the process before has left in it. Raise ``OSError``."""
    capacity = max(LEAST, size // PAGE * PAGE)
    aside = None
    try:
        ring = Ring.open(path)
    except FileNotFoundError:
        ring = Ring.create(path, capacity)
    except Damaged as damage:
        ring, aside = _salvage(path, capacity, log, damage)
    else:
        if ring.capacity != capacity:
            ring = _resize(ring, path, capacity, log, now)
    ring.number_from(log.last_seq + 1)
    return ring, aside


def _resize(ring: Ring, path: Path, capacity: int, log: AuditLog, now: float) -> Ring:
    """A ring of another size, once the old one has been drained. Where that can't be, the old one goes on."""
    drain = Drain(ring, log)
    try:
        while ring.unread:
            drain.settle(drain.write(now))
        other = Ring.create(path, capacity, ring.next_seq)
    except OSError as error:
        _log.warning("journal: %s stays at %d bytes: %s", path, ring.capacity, error.strerror)
        return ring
    ring.close()
    return other


def _salvage(path: Path, capacity: int, log: AuditLog, damage: Damaged) -> tuple[Ring, Aside]:
    """A new ring with every whole event of the damaged one that the log doesn't have; the damaged file is set aside."""
    records = readable(path.read_bytes(), log.last_seq)
    aside = _set_aside(path)
    _log.error(
        "journal: %s is damaged (%s). %d events were saved from it; the file is kept as %s",
        path, damage, len(records), aside,
    )  # fmt: skip
    needed = sum(len(record.payload) + 24 for record in records)
    try:
        ring = Ring.create(path, max(capacity, 2 * needed), log.last_seq + 1)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        aside.unlink()  # better a journal than the evidence of a broken one
        _log.exception("journal: no space for a new ring; %s had to be deleted", aside)
        ring = Ring.create(path, capacity, log.last_seq + 1)
    for record in records:
        ring.number_from(record.seq)
        ring.append(record.payload)
    return ring, Aside(aside, len(records))


def readable(memory: bytes, after: int) -> list[Record]:
    """Every whole record of an event numbered above *after*, wherever it lies in *memory*, in order."""
    found: dict[int, Record] = {}
    at = memory.find(_BEGINS, RECORD.size)
    while at >= 0:
        record = whole(memory, at - RECORD.size, len(memory))
        if record is not None and record.seq > after:
            found[record.seq] = record
        at = memory.find(_BEGINS, at + 1)
    return [found[seq] for seq in sorted(found)]


def _set_aside(path: Path) -> Path:
    """Rename *path* to the next free ``….corrupt-N``; the oldest of those are deleted."""
    others = sorted(path.parent.glob(path.name + ".corrupt-*"), key=_number)
    aside = path.with_name(f"{path.name}.corrupt-{_number(others[-1]) + 1 if others else 1}")
    path.rename(aside)
    for other in others[: 1 - _KEPT_ASIDE]:
        other.unlink()
    return aside


def _number(path: Path) -> int:
    digits = path.name.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 0
