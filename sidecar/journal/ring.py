"""A bounded ring of records in a mapped file: what is committed outlives the process, nothing unread is overwritten.

The file is a header page and ``capacity`` bytes of records. Positions are *virtual*: they only grow, and a position's
place in the file is ``PAGE + position % capacity``. A record is ``length, CRC-32, sequence number, payload``, padded
to 8 bytes, and lies in one piece: what the end of a lap is too short for is marked as skipped.

Writing is payload first, then the write position, one aligned store of 8 bytes, which is the commit. A process killed
between any two instructions therefore leaves every committed record whole, and what was not committed unseen; the
pages belong to the kernel. Reading stores the next sequence number, then the read position: the sequence survives an
empty ring.

One thread appends and advances; another may read between the two positions meanwhile, since nobody writes there.
Pages that have been read, and in bulk those just written, are given back with ``MADV_DONTNEED``, and an empty ring
begins again at its first page, so that a ring of 64 MiB doesn't make the process 64 MiB larger.
"""

import mmap
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from struct import Struct
from typing import Final, NamedTuple
from zlib import crc32

PAGE: Final = 4096
LEAST: Final = 16 * PAGE
"""The smallest capacity, in bytes."""
RECORD: Final = Struct("=IIQ")
"""Length of the payload, CRC-32 over it begun with the sequence number, sequence number."""
_MAGIC: Final = int.from_bytes(b"sidering", "little")
_VERSION: Final = 1
_SKIP: Final = 0xFFFF_FFFF_FFFF_FFFF  # as a length it is larger than any payload
_READ_AT, _WRITE_AT, _NEXT_AT = 3, 4, 5  # words of the header, behind magic, version and capacity
_HEADER: Final = Struct("=6Q")
_RELEASE: Final = (
    1 << 20
)  # pages are given back in pieces of this size, since each costs a system call and new page faults
_REWIND: Final = 1 << 16
_U32: Final = 0xFFFF_FFFF


class Full(Exception):
    """There is no room for a record until the reader has advanced."""


class Damaged(Exception):
    """The file isn't a ring that can be read from end to end."""


class Record(NamedTuple):
    seq: int
    payload: bytes


class Ring:
    """An open ring. ``create`` makes one, ``open`` takes up what a process left."""

    __slots__ = (
        "_at", "_base", "_fd", "_held", "_limit", "_map", "_released", "_seq", "_step", "_words", "capacity",
        "half_full",
    )  # fmt: skip

    def __init__(self, fd: int, capacity: int) -> None:
        self._fd = fd
        self.capacity = capacity
        self._map = mmap.mmap(fd, PAGE + capacity)
        self._words = memoryview(self._map).cast("Q")
        self._step = min(_RELEASE, capacity // 8)
        self.half_full: Callable[[], None] = _nobody
        """Called by an append that finds the ring more than half full, or full; not by each."""
        self._take_up()

    @classmethod
    def create(cls, path: Path, capacity: int, next_seq: int = 1) -> "Ring":
        """Make a ring, its space allocated in full; *path* appears when it is whole. Raise ``OSError`` (``ENOSPC``)."""
        capacity = max(LEAST, capacity // PAGE * PAGE)
        new = path.with_name(path.name + ".new")
        new.unlink(missing_ok=True)
        fd = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(fd, 0, PAGE + capacity)
            os.pwrite(fd, _HEADER.pack(_MAGIC, _VERSION, capacity, 0, 0, next_seq), 0)
            ring = cls(fd, capacity)
            new.rename(path)
        except BaseException:
            os.close(fd)
            new.unlink(missing_ok=True)
            raise
        return ring

    @classmethod
    def open(cls, path: Path) -> "Ring":
        """Take up the ring at *path*. Raise ``Damaged`` unless every unread record is whole, or ``OSError``."""
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            capacity = _capacity(fd)
            os.posix_fallocate(fd, 0, PAGE + capacity)  # a copy may have become sparse; a hole without space kills
            ring = cls(fd, capacity)
        except BaseException:
            os.close(fd)
            raise
        return ring

    def _take_up(self) -> None:
        """Find the place to write at and the next sequence number; check every unread record."""
        words = self._words
        read, write = words[_READ_AT], words[_WRITE_AT]
        if read % 8 or write % 8 or not read <= write <= read + self.capacity:
            raise Damaged("its positions contradict each other")
        last = 0
        for record in self._checked(read, write):
            if record.seq <= last:
                raise Damaged(f"record {record.seq} comes after record {last}")
            last = record.seq
        self._seq = max(last + 1, words[_NEXT_AT])  # the reader's word is stored before its position
        self._base = write - write % self.capacity - PAGE
        self._at = self._held = write - self._base
        self._released = read
        self._set_limit()

    # Writing.

    def append(self, payload: bytes) -> int:
        """Commit *payload* and return its sequence number. Raise ``Full``."""
        at = self._at
        size = len(payload)
        end = at + (size + 23 & -8)
        if end > self._limit:
            at = self._make_room(size + 23 & -8)
            end = at + (size + 23 & -8)
        seq = self._seq
        self._map[at : at + 16 + size] = RECORD.pack(size, crc32(payload, seq & _U32), seq) + payload
        self._at = end
        self._seq = seq + 1
        self._words[_WRITE_AT] = self._base + end
        return seq

    def _make_room(self, need: int) -> int:
        """Where a record of *need* bytes goes that ended beyond the limit; sets the next limit. Raise ``Full``."""
        if self._limit < 0:
            raise Full
        wraps = self._at + need > PAGE + self.capacity
        start = self._base + (PAGE + self.capacity if wraps else self._at)
        if start + need > self._words[_READ_AT] + self.capacity:
            self.half_full()
            raise Full
        if wraps:
            self._begin_lap()
        else:  # the limit was the next step's
            self._give_back(self._base + self._held, self._base + self._at)
            self._held = self._at
        self._set_limit()
        if 2 * self.unread > self.capacity:
            self.half_full()
        return self._at

    def _begin_lap(self) -> None:
        """Mark the rest of this lap as skipped. It counts once the write position has passed it."""
        if self._at < PAGE + self.capacity:
            self._words[self._at >> 3] = _SKIP
        self._give_back(self._base + self._held, self._base + self._at)
        self._base += self.capacity
        self._at = self._held = PAGE

    def _set_limit(self) -> None:
        """Up to where appending needs no thought: the lap's end, unread records, the next pages to give back."""
        unread_at = self._words[_READ_AT] + self.capacity - self._base
        self._limit = min(PAGE + self.capacity, unread_at, self._held + self._step)

    # Reading.

    @property
    def unread(self) -> int:
        """Bytes between the reader and the writer; 0 when closed."""
        return int(self._words[_WRITE_AT] - self._words[_READ_AT]) if self._limit >= 0 else 0

    @property
    def span(self) -> tuple[int, int]:
        """The positions of the reader and of the writer."""
        return self._words[_READ_AT], self._words[_WRITE_AT]

    @property
    def next_seq(self) -> int:
        """The sequence number that the next record gets."""
        return self._seq

    def number_from(self, seq: int) -> None:
        """Let the next record's number be *seq*, unless it is higher already."""
        self._seq = max(self._seq, seq)

    def piece(self, position: int, end: int, most: int) -> tuple[int, bytes]:
        """Where the records from *position* on begin, behind what was skipped, and at most *most* bytes of them."""
        at = PAGE + position % self.capacity
        if position < end and self._words[at >> 3] == _SKIP:
            position += self.capacity - position % self.capacity
            at = PAGE
        size = min(end - position, PAGE + self.capacity - at, most)
        return position, self._map[at : at + size]

    def advance(self, position: int, next_seq: int) -> None:
        """Everything before *position* has been read; *next_seq* follows the last record there."""
        self._words[_NEXT_AT] = max(next_seq, self._words[_NEXT_AT])
        self._words[_READ_AT] = position
        if position - self._released >= _RELEASE:
            self._give_back(self._released, position)
            self._released = position
        if position == self._base + self._at and self._at >= PAGE + _REWIND:
            self._rewind()
        self._set_limit()

    def _rewind(self) -> None:
        """The ring is empty: begin again at its first page. Between the two stores it reads as empty, too."""
        self._begin_lap()
        self._words[_WRITE_AT] = self._words[_READ_AT] = self._released = self._base + PAGE

    def _give_back(self, position: int, end: int) -> None:
        """Take the whole pages between two positions out of this process; their contents stay in the file.

        The first ones stay: the next lap will need them, and each would cost a page fault.
        """
        while position < end:
            first = PAGE + position % self.capacity
            last = min(first + end - position, PAGE + self.capacity)
            position += last - first
            first, last = max(-(-first // PAGE) * PAGE, PAGE + self._step), last // PAGE * PAGE
            if first < last:
                self._map.madvise(mmap.MADV_DONTNEED, first, last - first)

    def _checked(self, position: int, end: int) -> Iterator[Record]:
        """The records between two positions. Raise ``Damaged`` at the first that isn't whole."""
        held = position
        while position < end:
            if position - held >= _RELEASE:
                self._give_back(held, position)
                held = position
            at = PAGE + position % self.capacity
            if self._words[at >> 3] == _SKIP:
                position += self.capacity - position % self.capacity
                continue
            record = whole(self._map, at, min(PAGE + self.capacity, at + end - position))
            if record is None:
                raise Damaged(f"the record at position {position} isn't whole")
            yield record
            position += len(record.payload) + 23 & -8
        if position != end:
            raise Damaged("its last record ends behind the write position")

    def close(self) -> None:
        """Unmap the file; nothing can be appended any more."""
        self._limit = -1
        self._words.release()
        self._map.close()
        os.close(self._fd)


def whole(memory: mmap.mmap | bytes, at: int, end: int) -> Record | None:
    """The record at *at*, or ``None`` unless one that ends before *end* has the right checksum."""
    if at + RECORD.size > end:
        return None
    size, crc, seq = RECORD.unpack_from(memory, at)
    if at + RECORD.size + size > end:
        return None
    payload = bytes(memory[at + RECORD.size : at + RECORD.size + size])
    return Record(seq, payload) if crc32(payload, seq & _U32) == crc else None


def _capacity(fd: int) -> int:
    """What the header says, checked against the file. Raise ``Damaged``."""
    header = os.pread(fd, _HEADER.size, 0).ljust(_HEADER.size, b"\0")
    magic, version, capacity, *_ = _HEADER.unpack(header)
    if magic != _MAGIC or version != _VERSION:
        raise Damaged("its header isn't one of this version")
    if capacity < LEAST or capacity % PAGE or os.fstat(fd).st_size != PAGE + capacity:
        raise Damaged("its size isn't what its header says")
    return int(capacity)


def _nobody() -> None:
    """Nobody wants to know yet."""
