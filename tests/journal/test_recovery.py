"""What a process has left is taken up; what is damaged is saved as far as it can be read, and set aside."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.journal.audit import DAY, AuditLog, entries, seq_of
from sidecar.journal.drain import Drain
from sidecar.journal.recovery import readable, take_up
from sidecar.journal.ring import LEAST, PAGE, Ring
from tests.fuzzing import examples
from tests.journal.conftest import FullDisk
from tests.journal.recorded import NOW, event, read, unread

SLOT = 16 + 120


@pytest.fixture
def log(tmp_path: Path) -> Iterator[AuditLog]:
    log = AuditLog(tmp_path, "events", keep=DAY)
    yield log
    log.close()


def left(path: Path, count: int, done: int = 0, capacity: int = LEAST) -> None:
    """A ring of *count* events of which *done* were read, as a process left it."""
    ring = Ring.create(path, capacity)
    for number in range(1, count + 1):
        ring.append(event(number, 120))
    read(ring, done)
    ring.close()


def overwrite(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def seqs(ring: Ring) -> list[int]:
    return [record.seq for record in unread(ring)]


def test_a_ring_is_made_where_there_is_none(tmp_path: Path, log: AuditLog) -> None:
    ring, aside = take_up(tmp_path / "ring", LEAST, log, NOW)
    assert (aside, ring.capacity, ring.next_seq) == (None, LEAST, 1)
    ring.close()


def test_what_is_unread_is_taken_up(tmp_path: Path, log: AuditLog) -> None:
    left(tmp_path / "ring", 9, done=4)
    ring, aside = take_up(tmp_path / "ring", LEAST, log, NOW)
    assert (aside, seqs(ring), ring.next_seq) == (None, [5, 6, 7, 8, 9], 10)
    ring.close()


def test_numbers_go_on_behind_the_log_s_where_the_ring_is_gone(tmp_path: Path, log: AuditLog) -> None:
    log.append(b'{"seq":41,"time":"2026-11-24T10:33:55.0Z"}\n', 41, 41, NOW)
    ring, _ = take_up(tmp_path / "ring", LEAST, log, NOW)
    assert ring.next_seq == 42
    ring.close()


@pytest.mark.parametrize("capacity", [LEAST, 4 * LEAST])
def test_another_size_drains_the_old_ring_and_makes_a_new_one(tmp_path: Path, log: AuditLog, capacity: int) -> None:
    left(tmp_path / "ring", 9, done=4, capacity=2 * LEAST)
    ring, aside = take_up(tmp_path / "ring", capacity, log, NOW)
    assert (aside, ring.capacity, seqs(ring), ring.next_seq) == (None, capacity, [], 10)
    assert [line.split(b",")[0] for line in entries(tmp_path, "events")] == [b'{"seq":%d' % n for n in range(5, 10)]
    assert (tmp_path / "ring").stat().st_size == PAGE + capacity
    ring.close()


def test_another_size_waits_while_the_disk_refuses(
    tmp_path: Path, log: AuditLog, full_disk: FullDisk, caplog: pytest.LogCaptureFixture
) -> None:
    left(tmp_path / "ring", 9, done=4, capacity=2 * LEAST)
    with full_disk(100):
        ring, aside = take_up(tmp_path / "ring", LEAST, log, NOW)
    assert (aside, ring.capacity, seqs(ring)) == (None, 2 * LEAST, [5, 6, 7, 8, 9])
    assert "stays at" in caplog.text
    ring.close()


@pytest.mark.parametrize(
    ("damage", "saved"),
    [
        ((0, b"nothing!"), [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ((0, bytes(PAGE)), [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ((32, b"\xff\xff\xff\xff"), [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ((PAGE + 2 * SLOT, b"\xff\xff"), [1, 2, 4, 5, 6, 7, 8, 9]),
        ((PAGE + 4 * SLOT + 100, b"!"), [1, 2, 3, 4, 6, 7, 8, 9]),
        ((PAGE, b"\xff" * 3 * SLOT), [4, 5, 6, 7, 8, 9]),
        ((PAGE, b"\xff" * 9 * SLOT), []),
    ],
)
def test_a_damaged_ring_is_saved_as_far_as_it_can_be_read(
    tmp_path: Path, log: AuditLog, damage: tuple[int, bytes], saved: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    left(tmp_path / "events.ring", 9)
    overwrite(tmp_path / "events.ring", *damage)
    broken = (tmp_path / "events.ring").read_bytes()
    ring, aside = take_up(tmp_path / "events.ring", LEAST, log, NOW)
    assert seqs(ring) == saved
    assert ring.next_seq == (saved[-1] + 1 if saved else 1)
    assert aside == (tmp_path / "events.ring.corrupt-1", len(saved))
    assert aside.path.read_bytes() == broken
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "was damaged" in caplog.text
    ring.close()
    again, nothing = take_up(tmp_path / "events.ring", LEAST, log, NOW)
    assert (nothing, seqs(again)) == (None, saved)
    again.close()


def test_what_the_log_has_is_not_saved_again(tmp_path: Path, log: AuditLog) -> None:
    left(tmp_path / "ring", 9)
    ring = Ring.open(tmp_path / "ring")
    Drain(ring, log).write(NOW)
    ring.append(event(10))
    ring.close()
    overwrite(tmp_path / "ring", 0, b"!")
    ring, aside = take_up(tmp_path / "ring", LEAST, log, NOW)
    assert seqs(ring) == [10]
    assert aside is not None
    assert aside.recovered == 1
    ring.close()


def test_what_does_not_fit_into_a_smaller_ring_goes_to_the_log(tmp_path: Path, log: AuditLog) -> None:
    left(tmp_path / "ring", 4000, capacity=16 * LEAST)
    overwrite(tmp_path / "ring", 0, b"!")
    ring, _ = take_up(tmp_path / "ring", LEAST, log, NOW)
    kept = seqs(ring)
    assert [seq_of(line) for line in entries(tmp_path, "events")] + kept == list(range(1, 4001))
    assert len(kept) > 100
    ring.close()


def test_a_damaged_ring_stays_where_its_events_cannot_be_saved(
    tmp_path: Path, log: AuditLog, full_disk: FullDisk
) -> None:
    left(tmp_path / "ring", 4000, capacity=16 * LEAST)
    overwrite(tmp_path / "ring", 0, b"!")
    with full_disk(PAGE + LEAST), pytest.raises(OSError, match="too large"):
        take_up(tmp_path / "ring", LEAST, log, NOW)
    with full_disk(100), pytest.raises(OSError, match="too large"):
        take_up(tmp_path / "ring", LEAST, log, NOW)
    ring, aside = take_up(tmp_path / "ring", 16 * LEAST, log, NOW)
    assert [seq_of(line) for line in entries(tmp_path, "events")] + seqs(ring) == list(range(1, 4001))
    assert aside is not None
    assert aside.path.name == "ring.corrupt-1"
    ring.close()


def test_killed_between_the_two_renames_the_saved_ring_is_taken_up(tmp_path: Path, log: AuditLog) -> None:
    left(tmp_path / "ring.saved", 3)
    ring, aside = take_up(tmp_path / "ring", LEAST, log, NOW)
    assert (aside, seqs(ring)) == (None, [1, 2, 3])
    assert (tmp_path / "ring").exists()
    ring.close()


def test_the_last_three_damaged_rings_are_kept(tmp_path: Path, log: AuditLog) -> None:
    (tmp_path / "ring.corrupt-mine").touch()
    for _ in range(5):
        left(tmp_path / "ring", 1)
        overwrite(tmp_path / "ring", 0, b"!")
        ring, _ = take_up(tmp_path / "ring", LEAST, log, NOW)
        ring.close()
    kept = sorted(path.name for path in tmp_path.glob("ring.corrupt-*"))
    assert kept == ["ring.corrupt-3", "ring.corrupt-4", "ring.corrupt-5", "ring.corrupt-mine"]


def test_a_damaged_ring_gives_up_its_space_where_there_is_no_other(
    small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """On a disk that holds one ring, and not two."""
    log = AuditLog(small_disk, "events", keep=DAY)
    left(small_disk / "ring", 3, capacity=10 * LEAST)
    overwrite(small_disk / "ring", 0, b"!")
    ring, aside = take_up(small_disk / "ring", 10 * LEAST, log, NOW)
    assert seqs(ring) == [1, 2, 3]
    assert aside is not None
    assert not aside.path.exists()
    assert "had to be deleted" in caplog.text
    with pytest.raises(OSError, match="No space"):
        Ring.create(small_disk / "other", 10 * LEAST)
    ring.close()
    log.close()


@examples(60)
@given(st.lists(st.binary(max_size=300) | st.integers(1, 9).map(lambda n: b'{"time_ns":%d,' % n), max_size=30))
def test_no_bytes_do_anything_but_read_or_not(parts: list[bytes]) -> None:
    assert readable(b"".join(parts), 0) == []
