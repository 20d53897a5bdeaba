"""What a process that died has left: taken up, or where it is damaged, saved as far as it is readable and set aside."""

import errno
import logging
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from sidecar.journal.audit import AuditLog
from sidecar.journal.drain import Drain
from sidecar.journal.ring import LEAST, PAGE, RECORD, Damaged, Full, Record, Ring, whole

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
    if not path.exists() and _saved(path).exists():  # killed between two renames
        _saved(path).rename(path)
    try:
        ring = Ring.open(path)
    except FileNotFoundError:
        ring = Ring.create(path, capacity)
    except Damaged as damage:
        ring, aside = _salvage(path, capacity, log, now)
        _log.error(
            "journal: %s was damaged (%s). %d events were saved from it; it is kept as %s",
            path, damage, aside.recovered, aside.path,
        )  # fmt: skip
    else:
        if ring.capacity != capacity:
            ring = _resize(ring, path, capacity, log, now)
    ring.number_from(log.last_seq + 1)
    return ring, aside


def _resize(ring: Ring, path: Path, capacity: int, log: AuditLog, now: float) -> Ring:
    """A ring of another size, once the old one has been drained. Where that can't be, the old one goes on."""
    drain = Drain(ring, log)
    try:
        drain.all(now)
        other = Ring.create(path, capacity, ring.next_seq)
    except OSError as error:
        _log.warning("journal: %s stays at %d bytes: %s", path, ring.capacity, error.strerror)
        return ring
    ring.close()
    return other


def _salvage(path: Path, capacity: int, log: AuditLog, now: float) -> tuple[Ring, Aside]:
    """A new ring with every whole event of the damaged one that the log doesn't have; the damaged file is set aside.

    The new ring is complete before it takes the old one's place. Raise ``OSError``.
    """
    records = readable(path.read_bytes(), log.last_seq)
    aside = _aside(path)
    try:
        ring = Ring.create(_saved(path), capacity, log.last_seq + 1)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        path.unlink()  # better a journal than the evidence of a broken one
        _log.warning("journal: there is no space for both, so %s had to be deleted", path)
        ring = Ring.create(_saved(path), capacity, log.last_seq + 1)
    drain = Drain(ring, log)
    for record in records:
        ring.number_from(record.seq)
        try:
            ring.append(record.payload)
        except Full:  # a smaller ring than the old one was
            drain.all(now)
            ring.append(record.payload)
    with suppress(FileNotFoundError):
        path.rename(aside)
    _saved(path).rename(path)
    return ring, Aside(aside, len(records))


def _saved(path: Path) -> Path:
    return path.with_name(path.name + ".saved")


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


def _aside(path: Path) -> Path:
    """The next free ``….corrupt-N``; the oldest of those are deleted."""
    others = sorted(path.parent.glob(path.name + ".corrupt-[0-9]*"), key=_number)
    for other in others[: 1 - _KEPT_ASIDE]:
        other.unlink()
    return path.with_name(f"{path.name}.corrupt-{_number(others[-1]) + 1 if others else 1}")


def _number(path: Path) -> int:
    digits = path.name.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 0
