"""The ring: whatever is written, read and killed, what was committed is there, once and in order."""

import os
import shutil
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sidecar.journal import ring as module
from sidecar.journal.ring import LEAST, PAGE, Damaged, Full, Record, Ring, whole
from tests.fuzzing import LONG
from tests.journal.recorded import read, unread

MIB = 1 << 20


def filled(ring: Ring, payload: bytes) -> int:
    """Append until the ring is full; how many went in."""
    count = 0
    while True:
        try:
            ring.append(payload)
        except Full:
            return count
        count += 1


def test_what_was_appended_is_read_in_order(tmp_path: Path) -> None:
    ring = Ring.create(tmp_path / "ring", LEAST)
    assert [ring.append(payload) for payload in (b"one", b"", b"three" * 100)] == [1, 2, 3]
    assert unread(ring) == [Record(1, b"one"), Record(2, b""), Record(3, b"three" * 100)]
    assert read(ring, 2) == [Record(1, b"one"), Record(2, b"")]
    assert unread(ring) == [Record(3, b"three" * 100)]
    ring.close()


def test_the_file_is_allocated_in_full_and_private(tmp_path: Path) -> None:
    ring = Ring.create(tmp_path / "ring", MIB + 5)
    status = (tmp_path / "ring").stat()
    assert ring.capacity == MIB
    assert status.st_size == PAGE + MIB
    assert status.st_blocks * 512 >= PAGE + MIB
    assert status.st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["ring"]
    ring.close()


def test_a_ring_that_has_no_space_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r".+"):
        Ring.create(tmp_path / "ring", 1 << 60)
    assert list(tmp_path.iterdir()) == []


def test_a_full_ring_takes_nothing_until_it_was_read(tmp_path: Path) -> None:
    ring = Ring.create(tmp_path / "ring", LEAST)
    count = filled(ring, b"x" * 1000)
    assert count == LEAST // 1016
    assert ring.append(b"a" * (LEAST - count * 1016 - 16)) == count + 1
    assert ring.unread == LEAST
    with pytest.raises(Full):
        ring.append(b"")
    assert [record.seq for record in unread(ring)] == list(range(1, count + 2))
    read(ring, 1)
    assert ring.append(b"y" * 1000) == count + 2
    with pytest.raises(Full):
        ring.append(b"")
    ring.close()


def test_the_reader_is_called_when_the_ring_is_half_full_and_not_before(tmp_path: Path) -> None:
    ring = Ring.create(tmp_path / "ring", LEAST)
    calls: list[int] = []
    ring.half_full = lambda: calls.append(ring.unread)
    filled(ring, b"x" * 100)
    assert min(calls) > LEAST // 2
    assert min(calls) < LEAST * 5 // 8 + 200
    ring.close()


def test_an_empty_ring_begins_again_at_its_first_page(tmp_path: Path) -> None:
    ring = Ring.create(tmp_path / "ring", 16 * MIB)
    for _ in range(300):
        for _ in range(200):
            ring.append(b"x" * 1000)
        read_all(ring)
    assert not any((tmp_path / "ring").read_bytes()[PAGE + MIB :])
    assert ring.next_seq == 60_001
    ring.close()


def test_resident_memory_stays_small_however_full_the_ring_is(tmp_path: Path) -> None:
    """The kernel may map some pages around a fault, so the bound is a loose one."""
    ring = Ring.create(tmp_path / "ring", 64 * MIB)
    before = resident()
    filled(ring, b"x" * 4000)
    written = resident()
    ring.close()
    ring = Ring.open(tmp_path / "ring")
    opened = resident()
    assert len(unread_in_pieces(ring)) > 16_000
    drained = resident()
    ring.close()
    assert max(written, opened, drained) - before < 6 * MIB


def test_the_sequence_goes_on_after_everything_was_read(tmp_path: Path) -> None:
    ring = Ring.create(tmp_path / "ring", LEAST, next_seq=7)
    assert ring.append(b"a") == 7
    read_all(ring)
    ring.close()
    ring = Ring.open(tmp_path / "ring")
    assert unread(ring) == []
    assert ring.append(b"b") == 8
    ring.number_from(5)
    assert ring.append(b"c") == 9
    ring.number_from(20)
    assert ring.append(b"d") == 20
    ring.close()


def test_a_closed_ring_takes_nothing(tmp_path: Path) -> None:
    ring = Ring.create(tmp_path / "ring", LEAST)
    ring.append(b"")
    ring.close()
    assert ring.unread == 0
    with pytest.raises(Full):
        ring.append(b"")


def test_a_piece_may_end_inside_a_record(tmp_path: Path) -> None:
    ring = Ring.create(tmp_path / "ring", LEAST)
    ring.append(b"x" * 100)
    position, raw = ring.piece(*ring.span, 64)
    assert (position, len(raw)) == (0, 64)
    assert whole(raw, 0, len(raw)) is None
    assert whole(raw, 56, len(raw)) is None
    ring.close()


def damaged(tmp_path: Path, at: int, data: bytes) -> Path:
    """A ring of three records, with *data* put over it."""
    path = tmp_path / "ring"
    ring = Ring.create(path, LEAST)
    for payload in (b"a" * 50, b"b" * 50, b"c" * 50):
        ring.append(payload)
    ring.close()
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)
    return path


@pytest.mark.parametrize(
    ("at", "data", "why"),
    [
        (0, b"nothing!", "header"),
        (8, b"\x02", "header"),
        (16, b"\x01", "size"),
        (16, (2 * LEAST).to_bytes(8, "little"), "size"),
        (24, b"\x01", "contradict"),
        (24, b"\xff\xff\xff\xff", "contradict"),
        (32, b"\x08\xff", "record 0 comes after record 3"),
        (32, (LEAST + 8).to_bytes(8, "little"), "contradict"),
        (32, (2 * 72 + 8).to_bytes(8, "little"), "isn't whole"),
        (32, (2 * 72 + 64).to_bytes(8, "little"), "isn't whole"),
        (PAGE + 20, b"!", "isn't whole"),
        (PAGE + 72, b"\xff\xff", "isn't whole"),
        (PAGE + 72, b"\xff" * 8, "ends behind"),
        (PAGE + 72 + 4, b"\x01", "isn't whole"),
        (PAGE + 72 + 8, b"\x05", "isn't whole"),
    ],
)
def test_a_damaged_ring_is_not_taken_up(tmp_path: Path, at: int, data: bytes, why: str) -> None:
    path = damaged(tmp_path, at, data)
    with pytest.raises(Damaged, match=why):
        Ring.open(path)


@pytest.mark.parametrize("size", [0, 10, 48, PAGE, PAGE + LEAST - 1, PAGE + LEAST + 1])
def test_a_ring_of_another_length_is_not_taken_up(tmp_path: Path, size: int) -> None:
    path = damaged(tmp_path, 0, b"")
    os.truncate(path, size)
    with pytest.raises(Damaged, match=r"header|size"):
        Ring.open(path)


def test_numbers_that_go_back_are_damage(tmp_path: Path) -> None:
    path = damaged(tmp_path, 0, b"")
    data = bytearray(path.read_bytes())
    data[PAGE + 72 : PAGE + 144] = data[PAGE : PAGE + 72]
    path.write_bytes(data)
    with pytest.raises(Damaged, match="record 1 comes after record 1"):
        Ring.open(path)


def test_killed_between_any_two_lines_nothing_is_lost_or_torn(tmp_path: Path) -> None:
    """The file as a kill at each line of the ring's code would leave it holds what was there before, or after."""
    path, copy = tmp_path / "ring", tmp_path / "copy"
    ring = Ring.create(path, LEAST)
    found: list[bytes] = []

    def trace(frame: FrameType, *_: Any) -> Any:
        if frame.f_code.co_filename != module.__file__:
            return None
        found.append(path.read_bytes())
        return trace

    def killed(before: list[Record], seq: int) -> None:
        assert found
        for data in found:
            copy.write_bytes(data)
            other = Ring.open(copy)
            assert unread(other) in (before, unread(ring))
            assert other.next_seq in (seq, ring.next_seq)
            other.close()
        found.clear()

    for step in range(24):
        before, seq, end = unread(ring), ring.next_seq, ring.span[1]
        outer = sys.gettrace()
        sys.settrace(trace)
        try:
            if step % 3 < 2:
                ring.append(bytes([step]) * 9000)
            else:
                ring.advance(end, ring.next_seq)
        finally:
            sys.settrace(outer)
        killed(before, seq)
    ring.close()


class Model(RuleBasedStateMachine):
    """A ring beside a list: whatever is done to both, they agree."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.ring = Ring.create(self.folder / "ring", LEAST)
        self.records: list[Record] = []
        self.seq = 1

    @rule(size=st.integers(0, 200) | st.integers(0, LEAST // 3), count=st.integers(1, 20))
    def append(self, size: int, count: int) -> None:
        for _ in range(count):
            payload = bytes([self.seq % 256]) * size
            try:
                seq = self.ring.append(payload)
            except Full:
                skipped = LEAST // 3 + 24  # at most so much of a lap's end is too short for a record
                assert self.ring.unread + size + 24 + skipped > LEAST
                return
            assert seq == self.seq
            self.records.append(Record(seq, payload))
            self.seq += 1

    @precondition(lambda self: self.records)
    @rule(count=st.integers(1, 30))
    def read_some(self, count: int) -> None:
        assert read(self.ring, count) == self.records[:count]
        del self.records[:count]

    @rule()
    def read_all(self) -> None:
        read_all(self.ring)
        self.records.clear()

    @rule()
    def close_and_open(self) -> None:
        self.ring.close()
        self.ring = Ring.open(self.folder / "ring")

    @rule()
    def be_killed(self) -> None:
        left = Ring.open(self.folder / "ring")  # what another process finds while this one has closed nothing
        self.ring.close()
        self.ring = left

    @invariant()
    def agrees(self) -> None:
        assert unread(self.ring) == self.records
        assert self.ring.next_seq == self.seq

    def teardown(self) -> None:
        self.ring.close()
        shutil.rmtree(self.folder)


TestModel = pytest.mark.timeout(900 if LONG else 60)(Model.TestCase)
TestModel.settings = settings(
    max_examples=2000 if LONG else 60,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def read_all(ring: Ring) -> None:
    ring.advance(ring.span[1], ring.next_seq)


def unread_in_pieces(ring: Ring) -> list[int]:
    """The sizes of all unread records, read as the drain does."""
    sizes = []
    while ring.unread:
        position, raw = ring.piece(*ring.span, 1 << 16)
        at = 0
        while (record := whole(raw, at, len(raw))) is not None:
            sizes.append(len(record.payload))
            at += 16 + len(record.payload) + 7 & -8
        ring.advance(position + at, ring.next_seq)
    return sizes


def resident() -> int:
    """This process's resident memory, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE
