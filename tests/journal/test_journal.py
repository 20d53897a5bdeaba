"""The journal as a whole: kept through kills and full disks, drained once and in order, refusing where it is full."""

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sidecar.errors import AuditUnavailable
from sidecar.events import Event, Name, rejected
from sidecar.journal import Collector, Journal, Unusable
from sidecar.journal.ring import LEAST, PAGE
from tests.fuzzing import LONG
from tests.journal.conftest import FullDisk
from tests.journal.recorded import event, lines, numbers

KILLS = 200 if LONG else 20
ROOT = Path(__file__).parent.parent.parent


def opened(state: Path, *, size: int = LEAST, required: bool = True, **more: Any) -> Journal:
    return Journal.open(state, size=size, required=required, clock=time.time, **more)


@asynccontextmanager
async def running(journal: Journal) -> AsyncIterator[None]:
    task = asyncio.ensure_future(journal.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def fill(journal: Journal, begin: int = 1) -> int:
    """Record events numbered from *begin* on until it is refused; how many were recorded."""
    number = begin
    while True:
        try:
            journal.record(event(number, 500))
        except AuditUnavailable:
            return number - begin
        number += 1


async def test_events_are_in_the_log_soon_and_in_order(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    async with running(journal):
        for number in range(1, 51):
            journal.record(event(number))
        await until(lambda: journal.level().unread == 0)
        assert numbers(tmp_path) == list(range(1, 51))
        level = journal.level()
    journal.close()
    assert (level.unread, level.capacity, level.recorded, level.lost, level.refused) == (0, LEAST, 50, 0, 0)
    assert (level.failure, level.behind, level.spans_dropped) == (None, {}, 0)


async def test_a_ring_that_is_half_full_is_drained_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sidecar.journal.journal._EVERY", 3600.0)
    journal = opened(tmp_path)
    async with running(journal):
        await asyncio.sleep(0)
        for number in range(1, 90):
            journal.record(event(number, 500))
        await until(lambda: journal.level().unread == 0)
    journal.close()
    assert numbers(tmp_path) == list(range(1, 90))


def test_closing_drains_what_is_left(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.record(event(1))
    journal.reject(rejected(1, b"", b"", "bad_request", "", 400, b"GET", b"/"), "bad_request")
    journal.close()
    assert numbers(tmp_path) == [1]
    assert [line["attributes"]["error.type"] for line in lines(tmp_path, "rejected")] == ["bad_request"]
    with pytest.raises(AuditUnavailable):
        journal.record(event(2))
    assert journal.level().unread == 0


def test_what_was_recorded_is_kept_without_any_close(tmp_path: Path) -> None:
    opened_once = opened(tmp_path)
    opened_once.record(event(1))
    os.close(opened_once._place.lock)  # as the kernel does when a process ends
    journal = opened(tmp_path)
    journal.record(event(2))
    journal.close()
    assert numbers(tmp_path) == [1, 2]
    assert [line["seq"] for line in lines(tmp_path)] == [1, 2]


async def test_a_cancelled_drain_leaves_no_line_twice(tmp_path: Path) -> None:
    for begin in range(0, 2000, 100):
        journal = opened(tmp_path)
        async with running(journal):
            await asyncio.sleep(0)
            for number in range(begin, begin + 100):
                journal.record(event(number, 300))
            await asyncio.sleep(secrets.randbelow(10) / 1000)
        journal.close()
    assert numbers(tmp_path) == list(range(2000))


async def test_a_full_journal_refuses_and_takes_events_again_when_it_was_drained(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    count = fill(journal)
    assert count > 100
    with pytest.raises(AuditUnavailable, match="full"):
        journal.record(event(0, 500))
    assert journal.level().refused == 2
    async with running(journal):
        await until(lambda: journal.level().unread == 0)
        journal.record(event(count + 1))
    journal.close()
    assert numbers(tmp_path) == list(range(1, count + 2))


async def test_a_journal_that_is_not_required_counts_what_it_loses_and_says_so(tmp_path: Path) -> None:
    journal = opened(tmp_path, required=False)
    for number in range(1000):
        journal.record(event(number, 500))
    lost = journal.level().lost
    assert lost > 500
    async with running(journal):
        await until(lambda: journal.level().drained == 1001 - lost)
    journal.close()
    *kept, last = lines(tmp_path)
    assert [line["number"] for line in kept] == list(range(1000 - lost))
    assert (last["name"], last["attributes"]) == ("sidecar.events_lost", {"identity.count": lost})


async def test_a_full_disk_refuses_when_the_ring_is_full_and_recovers(
    tmp_path: Path, full_disk: FullDisk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidecar.journal.journal._EVERY", 0.02)
    monkeypatch.setattr("sidecar.journal.journal._SLOWEST", 0.05)
    journal = opened(tmp_path)
    async with running(journal):
        with full_disk(10_000):
            journal.record(event(1, 11_000))
            await until(lambda: journal.level().failure is not None)
            journal.record(event(2))
            await asyncio.sleep(0.2)
            count = 2 + fill(journal, begin=3)
            with pytest.raises(AuditUnavailable, match="File too large"):
                journal.record(event(0, 500))
        await until(lambda: journal.level().unread == 0)
        assert journal.level().failure is None
        journal.record(event(count + 1))
    journal.close()
    assert numbers(tmp_path) == list(range(1, count + 2))
    said = [record.message for record in caplog.records]
    assert [text.partition(": ")[2].rpartition("audit ")[2][:20] for text in said] == [
        "can't be written: Fi",
        "can be written again",
    ]


async def test_a_full_disk_says_what_happens_where_events_are_not_required(
    tmp_path: Path, full_disk: FullDisk, caplog: pytest.LogCaptureFixture
) -> None:
    journal = opened(tmp_path, required=False)
    journal.record(event(1, 11_000))
    with full_disk(10_000):
        await journal._drain()
        journal.close()
    assert "when it is full, events are lost" in caplog.text
    opened(tmp_path).close()
    assert numbers(tmp_path) == [1]


async def test_rejections_have_a_journal_of_their_own(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    rejection = rejected(1, b"", b"", "token_missing", "", 401, b"GET", b"/" + b"a" * 200)
    fill(journal)
    async with running(journal):
        for _ in range(5000):
            journal.reject(rejection, "token_missing")
        await until(lambda: journal.level().rejections >= 100)
    level = journal.level()
    journal.close()
    found = [line["attributes"].get("identity.count", 1) for line in lines(tmp_path, "rejected")]
    assert sum(found) == 5000
    assert len(found) < 400
    assert level.summed_up + level.rejections >= 5000
    assert "identity.rejected" not in {line["name"] for line in lines(tmp_path)}


def test_strangers_cannot_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sidecar.journal.journal.STRANGERS_MOST", 300_000)
    for _ in range(6):
        journal = opened(tmp_path)
        for number in range(1000):
            journal.reject(event(number, 500), "bad_request")
        journal.close()
        current = tmp_path / "audit" / "rejected.jsonl"
        current.rename(current.with_name(f"rejected-{journal.level().rejections}.jsonl"))
    journal = opened(tmp_path)
    journal._expire()
    sizes = [path.stat().st_size for path in (tmp_path / "audit").glob("rejected*")]
    assert sum(sizes) <= 300_000
    journal.close()


async def test_old_files_are_deleted_while_it_runs(tmp_path: Path) -> None:
    (tmp_path / "audit").mkdir(parents=True)
    old = tmp_path / "audit" / "events-1.jsonl"
    old.write_bytes(b'{"seq":1,"time":"2020-01-01T00:00:00.0Z"}\n')
    os.utime(old, (0, 0))
    journal = opened(tmp_path)
    async with running(journal):
        await until(lambda: not old.exists())
    journal.close()


def test_a_damaged_journal_is_set_aside_and_said(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    for number in range(1, 4):
        journal.record(event(number))
    os.close(journal._place.lock)
    with (tmp_path / "journal" / "events.ring").open("r+b") as file:
        file.seek(PAGE + 30)
        file.write(b"?")
    opened(tmp_path).close()
    *kept, said = lines(tmp_path)
    assert [line["number"] for line in kept] == [2, 3]
    assert said["name"] == "sidecar.journal_damaged"
    assert said["attributes"] == {"sidecar.journal.file": "events.ring.corrupt-1", "sidecar.journal.recovered": 2}
    assert (tmp_path / "journal" / "events.ring.corrupt-1").exists()


def test_another_size_takes_effect_at_the_next_start(tmp_path: Path) -> None:
    for size in (LEAST, 4 * LEAST, 2 * LEAST):
        journal = opened(tmp_path, size=size)
        journal.record(event(size))
        assert journal.level().capacity == size
        os.close(journal._place.lock)
    opened(tmp_path, size=LEAST).close()
    assert numbers(tmp_path) == [LEAST, 4 * LEAST, 2 * LEAST]


def test_a_second_sidecar_on_one_state_dir_is_refused(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    with pytest.raises(Unusable, match=rf"in use by another sidecar \(process {os.getpid()}\)"):
        opened(tmp_path)
    journal.close()
    opened(tmp_path).close()


def test_a_place_without_space_is_said_at_start(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match=r"no space for the journal|File too large"):
        opened(tmp_path, size=1 << 60)
    opened(tmp_path).close()


async def test_stdout_gets_the_lines_too(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    journal = opened(tmp_path, stdout=True)
    async with running(journal):
        journal.record(event(1))
        await until(lambda: journal.level().drained == 1)
        journal.record(event(2))
        journal.reject(rejected(1, b"", b"", "bad_request", "", 400, b"GET", b"/"), "bad_request")
    await asyncio.to_thread(journal.close)
    found = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [line.get("number") for line in found] == [1, 2, None]
    assert found == [*lines(tmp_path), *lines(tmp_path, "rejected")]


async def test_a_collector_gets_spans_by_the_same_journal(tmp_path: Path) -> None:
    journal = opened(tmp_path, collector=Collector("http://127.0.0.1:1", "travel"))
    assert journal.spans is not None
    async with running(journal):
        assert set(journal.level().behind) == {"collector"}
    begun = time.monotonic()
    await asyncio.to_thread(journal.close, 0.2)
    assert time.monotonic() - begun < 3


WRITER = """
import asyncio, os, sys, time
from pathlib import Path
from sidecar.errors import AuditUnavailable
from sidecar.journal import Journal
from tests.journal.recorded import event

async def main(state, number):
    journal = Journal.open(Path(state), size=1 << 16, required=True, clock=time.time)
    asyncio.ensure_future(journal.run())
    while True:
        try:
            for _ in range(50):
                journal.record(event(number, 40 + number % 900))
                number += 1
        except AuditUnavailable:
            await asyncio.sleep(0.001)
        os.write(1, b"%d\\n" % (number - 1))
        await asyncio.sleep(0)

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def acknowledged(state: Path, begin: int) -> int:
    """Kill a process that records at full speed from *begin* on; the last number that it told us."""
    command = [sys.executable, "-c", WRITER, str(state), str(begin)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(secrets.randbelow(80) / 1000)
        process.send_signal(signal.SIGKILL)
        told = process.stdout.read().splitlines()
        assert process.wait() == -signal.SIGKILL
    return int(told[-1]) if told else begin


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Kills a recording process; at the end, everything that was acknowledged by any of them must be there once."""
    state = {"next": 1, "acknowledged": 0}

    def kill() -> None:
        state["acknowledged"] = acknowledged(tmp_path, state["next"])
        opened(tmp_path).close()
        found = numbers(tmp_path)
        assert found == list(range(1, len(found) + 1))
        assert len(found) >= state["acknowledged"]
        state["next"] = len(found) + 1

    yield kill
    seqs = [line["seq"] for line in lines(tmp_path)]
    assert seqs == sorted(set(seqs))
    assert not list((tmp_path / "journal").glob("*.corrupt-*"))


@pytest.mark.slow
@pytest.mark.timeout(60 + 3 * KILLS)
def test_nothing_that_was_acknowledged_is_lost_when_the_process_is_killed(killed: Callable[[], None]) -> None:
    for _ in range(KILLS):
        killed()


def test_an_event_is_recorded_as_it_is_encoded(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.record(Event(Name.INIT, 1_795_516_435_608_533_760, "a" * 32, "b" * 16, {"identity.outcome": "ok"}).encode())
    journal.close()
    assert (tmp_path / "audit" / "events.jsonl").read_text() == (
        '{"seq":1,"time":"2026-11-24T10:33:55.608533760Z","name":"identity.init","trace_id":"' + "a" * 32 + '",'
        '"span_id":"' + "b" * 16 + '","attributes":{"identity.outcome":"ok"}}\n'
    )
