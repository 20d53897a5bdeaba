"""The audit log's files: appended to, rotated, deleted in time, and never torn."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.journal.audit import DAY, AuditLog, entries, first, last_seq, older, seq_of
from tests.journal.conftest import FullDisk
from tests.journal.recorded import NOW

KEEP = 400 * DAY


def line(seq: int, size: int = 0) -> bytes:
    return b'{"seq":%d,"time":"2026-11-24T10:33:55.608533760Z","x":"%b"}\n' % (seq, b"x" * size)


def written(log: AuditLog, seqs: range, now: float = NOW) -> None:
    log.append(b"".join(map(line, seqs)), seqs[0], seqs[-1], now)
    log.sync()


def seqs(folder: Path, name: str = "events") -> list[int]:
    return [seq_of(each) for each in entries(folder, name)]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[list[AuditLog]]:
    """Logs to close."""
    opened: list[AuditLog] = []
    yield opened
    for log in opened:
        log.close()


def opened(
    logs: list[AuditLog], folder: Path, *, most: int | None = None, keep: float = KEEP, rotate: int = 1 << 20
) -> AuditLog:
    logs.append(AuditLog(folder, "events", keep=keep, most=most, rotate=rotate))
    return logs[-1]


def test_lines_are_appended_and_the_last_number_is_known(tmp_path: Path, logs: list[AuditLog]) -> None:
    log = opened(logs, tmp_path)
    assert log.last_seq == 0
    written(log, range(1, 4))
    written(log, range(4, 6))
    assert (log.last_seq, seqs(tmp_path)) == (5, [1, 2, 3, 4, 5])
    assert log.path.stat().st_mode & 0o777 == 0o600
    assert opened(logs, tmp_path).last_seq == 5


@pytest.mark.parametrize(
    "torn", [b"{", line(3)[:-1], line(3)[:20], b"\0" * 5000, b"\0" * 200_000, b"x" * 65_536, b'\xff\n\x80{"seq":']
)
def test_a_torn_last_line_is_cut_off(tmp_path: Path, logs: list[AuditLog], torn: bytes) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(line(1) + line(2) + torn)
    log = opened(logs, tmp_path)
    assert log.last_seq == 2
    written(log, range(3, 4))
    assert [seq for seq in seqs(tmp_path) if seq] == [1, 2, 3]
    assert path.read_bytes().endswith(b"\n" + line(3))


def test_a_file_of_nothing_but_garbage_is_emptied(tmp_path: Path, logs: list[AuditLog]) -> None:
    (tmp_path / "events.jsonl").write_bytes(b"\0" * 100_000)
    assert opened(logs, tmp_path).last_seq == 0
    assert (tmp_path / "events.jsonl").stat().st_size == 0


def test_a_file_that_is_large_enough_is_rotated_by_its_first_number(tmp_path: Path, logs: list[AuditLog]) -> None:
    log = opened(logs, tmp_path, rotate=200)
    for seq in range(7, 17):
        written(log, range(seq, seq + 1))
    assert names(tmp_path) == ["events-10.jsonl", "events-13.jsonl", "events-7.jsonl", "events.jsonl"]
    assert [path.name for path in older(tmp_path, "events")] == ["events-7.jsonl", "events-10.jsonl", "events-13.jsonl"]
    assert seqs(tmp_path) == list(range(7, 17))
    assert opened(logs, tmp_path).last_seq == 16


def test_a_file_is_rotated_after_a_day(tmp_path: Path, logs: list[AuditLog]) -> None:
    log = opened(logs, tmp_path)
    written(log, range(1, 2), NOW)
    written(log, range(2, 3), NOW + DAY)
    assert names(tmp_path) == ["events.jsonl"]
    written(log, range(3, 4), NOW + DAY + 1)
    assert names(tmp_path) == ["events-1.jsonl", "events.jsonl"]


def test_its_age_is_known_after_a_restart(tmp_path: Path, logs: list[AuditLog]) -> None:
    (tmp_path / "events.jsonl").write_bytes(line(1))
    assert first(tmp_path / "events.jsonl") == (1, float(int(NOW)))
    written(opened(logs, tmp_path), range(2, 3), NOW + DAY + 1)
    assert names(tmp_path) == ["events-1.jsonl", "events.jsonl"]


def test_the_last_number_is_known_when_the_file_was_just_rotated(tmp_path: Path, logs: list[AuditLog]) -> None:
    log = opened(logs, tmp_path)
    written(log, range(1, 10))
    log.rotate(NOW)
    assert opened(logs, tmp_path).last_seq == 9
    os.truncate(tmp_path / "events-1.jsonl", 0)
    assert opened(logs, tmp_path).last_seq == 0


def test_files_are_deleted_when_they_were_kept_long_enough(tmp_path: Path, logs: list[AuditLog]) -> None:
    log = opened(logs, tmp_path)
    for seq, age in ((1, 11), (2, 10), (3, 9)):
        written(log, range(seq, seq + 1))
        log.rotate(NOW)
        os.utime(tmp_path / f"events-{seq}.jsonl", (NOW - age * DAY, NOW - age * DAY))
    (tmp_path / "events-mine.jsonl").write_bytes(line(9))
    log._keep = 10 * DAY
    log.expire(NOW)
    assert names(tmp_path) == ["events-2.jsonl", "events-3.jsonl", "events-mine.jsonl", "events.jsonl"]


def test_the_oldest_files_are_deleted_beyond_a_bound(tmp_path: Path, logs: list[AuditLog]) -> None:
    log = opened(logs, tmp_path, most=1000, rotate=300)
    for seq in range(1, 60):
        written(log, range(seq, seq + 1))
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert 600 < sum(sizes) <= 1000 + 300
    assert seqs(tmp_path) == list(range(seqs(tmp_path)[0], 60))


def test_on_a_full_disk_an_append_leaves_nothing_and_may_be_repeated(
    tmp_path: Path, logs: list[AuditLog], full_disk: FullDisk
) -> None:
    log = opened(logs, tmp_path)
    written(log, range(1, 3))
    size = log.path.stat().st_size
    lines = b"".join(map(line, range(3, 100)))
    with full_disk(size + 100):
        for _ in range(2):
            with pytest.raises(OSError, match="too large"):
                log.append(lines, 3, 99, NOW)
            assert log.last_seq == 2
    log.append(lines, 3, 99, NOW)
    log.sync()
    assert seqs(tmp_path) == list(range(1, 100))


def test_what_could_not_be_synced_is_taken_back(tmp_path: Path, logs: list[AuditLog]) -> None:
    """A pipe can be written to but not synced, which stands for a disk that has lost pages."""
    log = opened(logs, tmp_path)
    written(log, range(1, 3))
    log.append(line(3), 3, 3, NOW)
    kept, pipe = os.dup(log._fd), os.pipe()
    os.dup2(pipe[1], log._fd)
    with pytest.raises(OSError, match="Invalid argument"):
        log.sync()
    os.dup2(kept, log._fd)
    for fd in (kept, *pipe):
        os.close(fd)
    assert log.last_seq == 2
    log.append(line(3) + line(4), 3, 4, NOW)
    log.sync()
    assert seqs(tmp_path) == [1, 2, 3, 4]


def test_a_rotation_that_failed_half_way_is_finished(tmp_path: Path, logs: list[AuditLog]) -> None:
    log = opened(logs, tmp_path)
    written(log, range(1, 3))
    (tmp_path / "events.new").mkdir()
    with pytest.raises(OSError, match="directory"):
        log.rotate(NOW)
    (tmp_path / "events.new").rmdir()
    written(log, range(3, 4))
    log.path.rename(tmp_path / "events-1.jsonl")
    log.rotate(NOW)
    written(log, range(4, 5))
    assert seqs(tmp_path) == [1, 2, 3, 4]
    assert names(tmp_path) == ["events-1.jsonl", "events.jsonl"]


def test_a_rotation_that_cannot_rename_leaves_the_old_file_in_use(tmp_path: Path, logs: list[AuditLog]) -> None:
    name = "e" * 240  # which has room for no number
    log = AuditLog(tmp_path, name, keep=KEEP)
    logs.append(log)
    written(log, range(10**12, 10**12 + 2))
    with pytest.raises(OSError, match="too long"):
        log.rotate(NOW)
    written(log, range(10**12 + 2, 10**12 + 3))
    assert [seq_of(each) for each in entries(tmp_path, name)] == list(range(10**12, 10**12 + 3))


def test_a_rotation_never_takes_another_file_s_name(tmp_path: Path, logs: list[AuditLog]) -> None:
    (tmp_path / "events-2.jsonl").write_bytes(line(1))
    (tmp_path / "events.jsonl").write_bytes(b"garbage\n" + line(2))
    log = opened(logs, tmp_path)
    written(log, range(3, 4))
    assert names(tmp_path) == ["events-2.jsonl", "events-3.jsonl", "events.jsonl"]
    assert [seq for seq in seqs(tmp_path) if seq] == [1, 2, 3]


def test_the_last_number_is_read_from_lines_alone(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(line(1) + line(2) + b"garbage\n" + b'{"seq":"3"}\n')
    assert last_seq(path) == 2
    assert first(path)[0] == 1
    path.write_bytes(b"garbage\n" + line(2))
    assert first(path) == (0, 0.0)
