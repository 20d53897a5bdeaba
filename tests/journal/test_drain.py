"""From the ring to the log: each event once, in order, with its number and its time."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.journal.audit import DAY, AuditLog, entries
from sidecar.journal.drain import Drain
from sidecar.journal.ring import LEAST, Ring
from tests.journal.conftest import FullDisk
from tests.journal.recorded import NOW, event


@pytest.fixture
def drain(tmp_path: Path) -> Iterator[Drain]:
    ring, log = Ring.create(tmp_path / "ring", LEAST), AuditLog(tmp_path, "events", keep=DAY)
    yield Drain(ring, log)
    ring.close()
    log.close()


def logged(drain: Drain) -> list[bytes]:
    return list(entries(drain.log.directory, "events"))


def drained(drain: Drain) -> None:
    drain.settle(drain.write(NOW))


def test_a_line_is_the_event_with_its_number_and_its_time(drain: Drain) -> None:
    drain.ring.append(b'{"time_ns":1795516435608533760,"name":"identity.init","attributes":{}}')
    drained(drain)
    assert logged(drain) == [
        b'{"seq":1,"time":"2026-11-24T10:33:55.608533760Z","name":"identity.init","attributes":{}}\n'
    ]


@pytest.mark.parametrize(
    ("time_ns", "time"),
    [
        (1_795_516_435_000_000_000, "2026-11-24T10:33:55.000000000Z"),
        (1_795_516_435_999_999_999, "2026-11-24T10:33:55.999999999Z"),
        (1_795_516_436_000_000_001, "2026-11-24T10:33:56.000000001Z"),
        (0, "1970-01-01T00:00:00.000000000Z"),
        (1_500_000_000, "1970-01-01T00:00:01.500000000Z"),
        (9_223_372_036_854_775_807, "2262-04-11T23:47:16.854775807Z"),
    ],
)
def test_times_are_spelled_as_rfc_3339(drain: Drain, time_ns: int, time: str) -> None:
    for _ in range(2):
        drain.ring.append(b'{"time_ns":%d,"name":"x"}' % time_ns)
    drain.ring.append(b'{"time_ns":1795516435123,"name":"x"}')
    drain.ring.append(b'{"time_ns":%d,"name":"x"}' % time_ns)
    drained(drain)
    lines = [json.loads(line) for line in logged(drain)]
    assert [line["time"] for line in lines] == [time, time, "1970-01-01T00:29:55.516435123Z", time]
    assert [line["seq"] for line in lines] == [1, 2, 3, 4]


def test_all_that_is_unread_is_drained_over_the_lap_s_end_too(drain: Drain) -> None:
    number = 0
    for _ in range(40):
        for _ in range(13):
            number += 1
            drain.ring.append(event(number, 100 + number % 4000))
        drained(drain)
    assert drain.ring.unread == 0
    lines = [json.loads(line) for line in logged(drain)]
    assert [line["number"] for line in lines] == [line["seq"] for line in lines] == list(range(1, number + 1))
    assert drain.log.last_seq == number


def test_a_record_larger_than_a_piece_is_drained(tmp_path: Path) -> None:
    ring, log = Ring.create(tmp_path / "ring", 8 * LEAST), AuditLog(tmp_path, "events", keep=DAY)
    drain = Drain(ring, log)
    ring.append(event(1, 3 * LEAST))
    ring.append(event(2))
    drained(drain)
    assert [json.loads(line)["number"] for line in logged(drain)] == [1, 2]
    ring.close()
    log.close()


def test_what_the_log_has_already_is_not_written_twice(drain: Drain) -> None:
    for number in range(1, 6):
        drain.ring.append(event(number))
    drain.write(NOW)  # and killed before it settles
    drain.ring.append(event(6))
    drained(drain)
    assert [json.loads(line)["number"] for line in logged(drain)] == [1, 2, 3, 4, 5, 6]
    drained(drain)
    assert len(logged(drain)) == 6


def test_what_is_nobody_s_event_is_kept_as_it_is(drain: Drain) -> None:
    for payload in (b"", b"x", b'{"a":1}\n\xff', b'{"time_ns":1,', b'{"time_ns":17955164356085337600,"name":"x"}'):
        drain.ring.append(payload)
    drain.ring.append(event(6))
    drained(drain)
    lines = [json.loads(line) for line in logged(drain)[:3]]
    assert [line["event"] for line in lines] == ["", "x", '{"a":1}\n\xff']
    assert b'"number":6' in logged(drain)[-1]
    assert len(logged(drain)) == 6


def test_a_full_disk_loses_nothing(drain: Drain, full_disk: FullDisk) -> None:
    for number in range(1, 100):
        drain.ring.append(event(number, 500))
    with full_disk(30_000):
        for _ in range(3):
            with pytest.raises(OSError, match="too large"):
                drain.write(NOW)
    drained(drain)
    assert [json.loads(line)["number"] for line in logged(drain)] == list(range(1, 100))
    assert drain.ring.unread == 0
