"""Following a log's files: every line once and in order, whatever is renamed, deleted or put back."""

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from sidecar.journal.audit import DAY, AuditLog, seq_of
from sidecar.journal.tail import Tail
from tests.fuzzing import LONG
from tests.journal.recorded import NOW


def line(seq: int) -> bytes:
    return b'{"seq":%d,"time":"2026-11-24T10:33:55.608533760Z","x":"%b"}\n' % (seq, b"x" * (seq % 50))


def append(log: AuditLog, first: int, last: int) -> None:
    log.append(b"".join(map(line, range(first, last + 1))), first, last, NOW)
    log.sync()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[AuditLog]:
    log = AuditLog(tmp_path, "events", keep=DAY)
    yield log
    log.close()


@pytest.fixture
def tail(tmp_path: Path, log: AuditLog) -> Iterator[Tail]:
    tail = Tail(tmp_path, "events", 0)
    yield tail
    tail.close()


def followed(tail: Tail, most: int = 7) -> list[int]:
    """The numbers of all lines that are there now, delivered."""
    found: list[int] = []
    while lines := tail.read(most):
        assert len(lines) <= most
        found += map(seq_of, lines)
        tail.advance(lines)
    return found


def test_lines_are_followed_as_they_come(log: AuditLog, tail: Tail) -> None:
    assert followed(tail) == []
    append(log, 1, 20)
    assert followed(tail) == list(range(1, 21))
    assert followed(tail) == []
    append(log, 21, 22)
    assert followed(tail) == [21, 22]
    assert tail.seq == 22


def test_what_was_not_delivered_is_read_again(log: AuditLog, tail: Tail) -> None:
    append(log, 1, 3)
    assert tail.read(2) == tail.read(2) == [line(1), line(2)]


def test_files_are_followed_over_rotations(log: AuditLog, tail: Tail) -> None:
    append(log, 1, 5)
    assert followed(tail) == [1, 2, 3, 4, 5]
    append(log, 6, 7)  # written before the rotation, read after it
    log.rotate(NOW)
    append(log, 8, 9)
    log.rotate(NOW)
    append(log, 10, 11)
    assert followed(tail) == [6, 7, 8, 9, 10, 11]
    log.rotate(NOW)
    assert followed(tail) == []
    append(log, 12, 12)
    assert followed(tail) == [12]


def test_what_was_written_just_before_a_rotation_is_read(log: AuditLog, tail: Tail) -> None:
    append(log, 1, 5)
    assert followed(tail) == [1, 2, 3, 4, 5]
    append(log, 6, 7)
    log.rotate(NOW)
    assert tail._move_on()  # as it is called when the file had nothing new a moment before
    assert followed(tail) == [6, 7]


def test_it_begins_behind_a_number(tmp_path: Path, log: AuditLog) -> None:
    append(log, 1, 5000)
    log.rotate(NOW)
    append(log, 5001, 9000)
    for begin in (0, 1, 4999, 5000, 5001, 8999, 9000):
        tail = Tail(tmp_path, "events", begin)
        assert followed(tail, 512) == list(range(begin + 1, 9001))
        tail.close()


def test_numbers_may_have_gaps_and_files_be_gone(tmp_path: Path, log: AuditLog, tail: Tail) -> None:
    append(log, 1, 2)
    assert followed(tail) == [1, 2]
    for first in (10, 20, 30):
        log.rotate(NOW)
        append(log, first, first + 1)
    (tmp_path / "events-10.jsonl").unlink()
    assert followed(tail) == [20, 21, 30, 31]


def test_a_line_is_read_when_it_is_whole(tmp_path: Path, log: AuditLog, tail: Tail) -> None:
    append(log, 1, 1)
    with log.path.open("ab") as file:
        file.write(line(2)[:20])
        file.flush()
        assert followed(tail) == [1]
        file.write(line(2)[20:])
    assert followed(tail) == [2]


def test_garbage_between_lines_is_passed_over(log: AuditLog, tail: Tail) -> None:
    with log.path.open("ab") as file:
        file.write(b"garbage\n\r" + line(1) + b"\0\0\n" + line(2) + b"more\n")
    assert followed(tail, 1) == [1, 2]
    append(log, 3, 3)
    assert followed(tail) == [3]


def test_a_failed_write_that_is_repeated_is_read_once(log: AuditLog, tail: Tail) -> None:
    append(log, 1, 2)
    size = log.path.stat().st_size
    with log.path.open("ab") as file:
        file.write(line(3) + line(4) + line(5)[:10])
    assert followed(tail) == [1, 2, 3, 4]
    os.truncate(log.path, size)
    append(log, 3, 6)
    assert followed(tail) == [5, 6]


def test_a_failed_write_that_is_repeated_in_the_next_file_is_read_once(log: AuditLog, tail: Tail) -> None:
    append(log, 1, 2)
    size = log.path.stat().st_size
    with log.path.open("ab") as file:
        file.write(line(3))
    assert followed(tail) == [1, 2, 3]
    os.truncate(log.path, size)
    log.rotate(NOW)
    append(log, 3, 5)
    assert followed(tail) == [4, 5]


def test_the_place_is_kept_in_a_cursor(tmp_path: Path, log: AuditLog) -> None:
    cursor = tmp_path / "otlp.cursor"
    append(log, 1, 5)
    tail = Tail(tmp_path, "events", 5, cursor)  # for the first time: nothing of what was before
    assert followed(tail) == []
    append(log, 6, 9)
    tail.advance(tail.read(2))
    tail.close()
    assert cursor.read_text() == "7\n"
    assert cursor.stat().st_mode & 0o777 == 0o600
    append(log, 10, 10)
    tail = Tail(tmp_path, "events", 10, cursor)
    assert followed(tail) == [8, 9, 10]
    tail.close()


@pytest.mark.parametrize(("text", "after"), [("", 5), ("x", 5), ("3\n", 3), ("99\n", 5)])
def test_a_cursor_that_cannot_be_right_begins_at_the_end(tmp_path: Path, log: AuditLog, text: str, after: int) -> None:
    (tmp_path / "otlp.cursor").write_text(text)
    append(log, 1, 5)
    assert Tail(tmp_path, "events", 5, tmp_path / "otlp.cursor").seq == after


def test_a_log_that_is_gone_is_an_error(tmp_path: Path, log: AuditLog, tail: Tail) -> None:
    log.path.unlink()
    with pytest.raises(FileNotFoundError):
        tail.read(1)


def test_a_file_that_is_gone_when_it_is_opened_is_looked_for_again(tmp_path: Path, log: AuditLog, tail: Tail) -> None:
    append(log, 1, 1)
    log.rotate(NOW)
    (tmp_path / "events-1.jsonl").unlink()
    (tmp_path / "events-1.jsonl").symlink_to("nowhere")
    with pytest.raises(FileNotFoundError):
        tail.read(1)
    (tmp_path / "events-1.jsonl").unlink()
    append(log, 2, 2)
    assert followed(tail) == [2]


def test_a_writer_in_another_thread_is_followed_over_its_rotations(tmp_path: Path) -> None:
    log = AuditLog(tmp_path, "events", keep=DAY, rotate=20_000)

    def write() -> None:
        for first in range(1, 6001, 3):
            log.append(b"".join(map(line, range(first, first + 3))), first, first + 2, NOW)

    writer = threading.Thread(target=write)
    tail = Tail(tmp_path, "events", 0)
    writer.start()
    found: list[int] = []
    while writer.is_alive():
        found += followed(tail, 100)
    writer.join()
    found += followed(tail)
    assert found == list(range(1, 6001))
    assert len(list(tmp_path.iterdir())) > 10
    tail.close()
    log.close()


class Model(RuleBasedStateMachine):
    """A writer and a follower that take turns in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.log = AuditLog(self.folder, "events", keep=DAY)
        self.tail = Tail(self.folder, "events", 0, self.folder / "cursor")
        self.written = 0
        self.found: list[int] = []

    @rule(count=st.integers(1, 9))
    def append(self, count: int) -> None:
        append(self.log, self.written + 1, self.written + count)
        self.written += count

    @rule()
    def rotate(self) -> None:
        if self.log._size:
            self.log.rotate(NOW)

    @rule(most=st.integers(1, 9))
    def follow(self, most: int) -> None:
        if lines := self.tail.read(most):
            self.found += map(seq_of, lines)
            self.tail.advance(lines)

    @rule()
    def follow_all(self) -> None:
        self.found += followed(self.tail)
        assert self.found == list(range(1, self.written + 1))

    @rule()
    def restart(self) -> None:
        self.tail.close()
        self.log.close()
        self.log = AuditLog(self.folder, "events", keep=DAY)
        assert self.log.last_seq == self.written
        self.tail = Tail(self.folder, "events", self.log.last_seq, self.folder / "cursor")

    def teardown(self) -> None:
        self.follow_all()
        self.tail.close()
        self.log.close()
        shutil.rmtree(self.folder)


TestModel = pytest.mark.timeout(900 if LONG else 60)(Model.TestCase)
TestModel.settings = settings(
    max_examples=2000 if LONG else 20,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
