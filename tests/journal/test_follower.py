"""A destination's thread: everything is delivered, however the destination behaves."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sidecar.journal import follower as module
from sidecar.journal.audit import DAY, AuditLog, seq_of
from sidecar.journal.follower import Follower, Undelivered
from sidecar.journal.tail import Tail
from tests.journal.recorded import NOW


class Recipient:
    """Takes lines, or fails as it is told to."""

    name = "recipient"
    most = 3

    def __init__(self) -> None:
        self.taken: list[tuple[str, int]] = []
        self.fail: Exception | None = None
        self.asked = threading.Event()
        self.go = threading.Event()
        self.go.set()
        self.aborted = self.closed = False

    def deliver(self, log: str, lines: list[bytes]) -> None:
        self.asked.set()
        self.go.wait()
        if self.aborted:
            raise Undelivered("aborted")
        if self.fail is not None:
            raise self.fail
        self.taken += [(log, seq_of(line)) for line in lines]

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True
        self.go.set()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outages in tests are short."""
    monkeypatch.setattr(module, "_FIRST_PAUSE", 0.01)


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[list[AuditLog]]:
    logs = [AuditLog(tmp_path, name, keep=DAY) for name in ("events", "rejected")]
    yield logs
    for log in logs:
        log.close()


def append(log: AuditLog, first: int, last: int) -> None:
    lines = b"".join(b'{"seq":%d,"time":"2026-11-24T10:33:55.6Z"}\n' % seq for seq in range(first, last + 1))
    log.append(lines, first, last, NOW)


def following(logs: list[AuditLog], recipient: Recipient) -> Follower:
    cursors = [log.directory / f"{log.name}.cursor" for log in logs]
    begins = [log.last_seq if cursor.exists() else 0 for log, cursor in zip(logs, cursors, strict=True)]
    places = zip(logs, begins, cursors, strict=True)
    return Follower(recipient, [Tail(log.directory, log.name, begin, cursor) for log, begin, cursor in places])


def wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_lines_of_all_logs_are_delivered(logs: list[AuditLog]) -> None:
    recipient = Recipient()
    append(logs[0], 1, 5)
    follower = following(logs, recipient)
    last = {"events": 5, "rejected": 2}
    assert (follower.name, follower.behind(last)) == ("recipient", 7)
    follower.start()
    wait(lambda: len(recipient.taken) == 5)
    append(logs[1], 1, 2)
    follower.wake()
    wait(lambda: len(recipient.taken) == 7)
    follower.close(5)
    assert recipient.closed
    assert recipient.taken == [*(("events", seq) for seq in range(1, 6)), ("rejected", 1), ("rejected", 2)]
    assert follower.behind(last) == 0


@pytest.mark.parametrize(
    "failure", [Undelivered("it is away"), BrokenPipeError(32, "Broken pipe"), ValueError("a mistake")]
)
def test_an_outage_is_said_once_and_loses_nothing(
    logs: list[AuditLog], failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    recipient = Recipient()
    recipient.fail = failure
    append(logs[0], 1, 4)
    follower = following(logs, recipient)
    follower.start()
    for _ in range(3):
        recipient.asked.clear()
        recipient.asked.wait(5)
    assert follower.failure is not None
    recipient.fail = None
    wait(lambda: len(recipient.taken) == 4)
    wait(lambda: follower.failure is None)
    follower.close(5)
    assert [seq for _, seq in recipient.taken] == [1, 2, 3, 4]
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.WARNING]
    assert "recipient doesn't take events: " in caplog.text
    assert "recipient takes events again" in caplog.text


def test_closing_delivers_what_is_there_though_it_was_never_started(logs: list[AuditLog]) -> None:
    recipient = Recipient()
    append(logs[0], 1, 9)
    follower = Follower(recipient, [Tail(logs[0].directory, "events", 0)], settle=60)
    follower.close(5)
    assert len(recipient.taken) == 9


def test_closing_waits_no_longer_than_it_may(logs: list[AuditLog]) -> None:
    recipient = Recipient()
    recipient.go.clear()
    append(logs[0], 1, 9)
    follower = following(logs, recipient)
    follower.start()
    recipient.asked.wait(5)
    begun = time.monotonic()
    follower.close(0.1)
    assert time.monotonic() - begun < 1
    assert recipient.aborted
    assert recipient.taken == []


def test_closing_in_an_outage_tries_once_more_and_ends(logs: list[AuditLog]) -> None:
    recipient = Recipient()
    recipient.fail = Undelivered("it is away")
    append(logs[0], 1, 9)
    follower = following(logs, recipient)
    follower.start()
    recipient.asked.wait(5)
    begun = time.monotonic()
    follower.close(5)
    assert time.monotonic() - begun < 1
    assert follower.behind({"events": 9, "rejected": 0}) == 9


def test_what_was_not_delivered_is_after_the_next_start(logs: list[AuditLog]) -> None:
    first, second = Recipient(), Recipient()
    append(logs[0], 1, 4)
    follower = following(logs, first)
    follower.close(5)
    append(logs[0], 5, 8)
    follower = following(logs, second)
    follower.close(5)
    assert [seq for _, seq in first.taken] == [1, 2, 3, 4]
    assert [seq for _, seq in second.taken] == [5, 6, 7, 8]
