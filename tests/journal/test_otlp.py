"""Events as log records, at a collector that is there, away, or back again."""

import asyncio
import json
import socket
import time
from pathlib import Path

import pytest
from oteltap import OtelTapHttpProtobufReceiver, OtelTapHttpProtobufReceiverSettings

from sidecar.events import Event, Name
from sidecar.journal import Collector, Journal
from sidecar.journal import collector as collector_module
from sidecar.journal import follower as follower_module
from sidecar.journal import journal as journal_module
from sidecar.journal.follower import Undelivered
from sidecar.journal.otlp import LogRecords
from sidecar.journal.ring import LEAST
from tests.journal import receiver
from tests.journal.recorded import lines

TIME = 1_795_516_435_608_533_760
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def line(seq: int, attributes: str = "{}") -> bytes:
    return (
        b'{"seq":%d,"time":"2026-11-24T10:33:55.608533760Z","name":"identity.init","trace_id":"%b","span_id":"%b",'
        b'"attributes":%b}\n' % (seq, TRACE.encode(), SPAN.encode(), attributes.encode())
    )


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outages in tests are short, and nothing waits before it begins."""
    monkeypatch.setattr(follower_module, "_FIRST_PAUSE", 0.05)
    monkeypatch.setattr(journal_module, "_SETTLE", 0.0)
    monkeypatch.setattr(collector_module, "_SECONDS", 1.3)


def opened(state: Path, port: int) -> Journal:
    collector = Collector(f"http://127.0.0.1:{port}", "travel")
    return Journal.open(state, size=LEAST, required=True, clock=time.time, collector=collector)


def recorded(journal: Journal, first: int, last: int) -> None:
    for number in range(first, last + 1):
        event = Event(Name.INIT, TIME + number, TRACE, SPAN, {"identity.count": number, "identity.scopes": ("a", "b")})
        journal.record(event.encode())


def test_a_line_is_a_log_record_inside_its_trace() -> None:
    with receiver.http() as (port, received):
        records = LogRecords(Collector(f"http://127.0.0.1:{port}", "travel"))
        records.deliver("events", [line(7, '{"identity.scopes":["a","b"],"identity.count":3,"user.hash":"h_x"}')])
    assert received.records == [
        {
            "name": "identity.init",
            "body": "identity.init",
            "trace_id": TRACE,
            "span_id": SPAN,
            "time_ns": TIME,
            "attributes": {
                "identity.scopes": ["a", "b"],
                "identity.count": 3,
                "user.hash": "h_x",
                "log.record.uid": "events-7",
            },
        }
    ]


def test_an_event_outside_a_trace_has_none() -> None:
    with receiver.http() as (port, received):
        records = LogRecords(Collector(f"http://127.0.0.1:{port}", "travel"))
        records.deliver("rejected", [line(1).replace(TRACE.encode(), b"").replace(SPAN.encode(), b"")])
    (record,) = received.records
    assert (record["trace_id"].strip("0"), record["span_id"].strip("0")) == ("", "")
    assert record["attributes"] == {"log.record.uid": "rejected-1"}


def test_a_line_that_is_no_event_does_not_stop_the_rest() -> None:
    with receiver.http() as (port, received):
        records = LogRecords(Collector(f"http://127.0.0.1:{port}", "travel"))
        broken = [b'{"seq":2,"time":"2026-11-24T10:33:55.6Z",broken\xff\n', b'{"seq":3,"time":"2026-11-24T10:33:5x"}\n']
        records.deliver("events", [line(1), *broken, b"[]\n", line(5)])
    assert received.uids == ["events-1", "events-2", "events-0", "events-0", "events-5"]
    assert [record["name"] for record in received.records] == ["identity.init", "", "", "", "identity.init"]
    assert received.records[1]["body"] == '{"seq":2,"time":"2026-11-24T10:33:55.6Z",broken\xff\n'


def test_batches_shrink_while_they_fail_and_grow_again() -> None:
    with receiver.http() as (port, received):
        records = LogRecords(Collector(f"http://127.0.0.1:{port}", "travel"))
        received.status = 413
        sizes = [records.most]
        for _ in range(11):
            with pytest.raises(Undelivered):
                records.deliver("events", [line(1)])
            sizes.append(records.most)
        assert sizes == [512, 256, 128, 64, 32, 16, 8, 4, 2, 1, 1, 1]
        received.status = 200
        records.deliver("events", [line(1)])
        assert records.most == 2


def test_nothing_is_sent_once_it_was_told_to_stop() -> None:
    with receiver.http() as (port, received):
        records = LogRecords(Collector(f"http://127.0.0.1:{port}", "travel"))
        records.abort()
        with pytest.raises(Undelivered, match="stops"):
            records.deliver("events", [line(1)])
    assert received.logs == []


async def test_an_outage_of_the_collector_loses_nothing_and_doubles_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Through a restart of ours, too: with the collector away from the beginning, then back, away, and back again."""
    port = free_port()
    journal = opened(tmp_path, port)
    task = asyncio.ensure_future(journal.run())
    for number in range(1, 1201, 100):
        recorded(journal, number, number + 99)
        await asyncio.sleep(0.05)
    await asyncio.sleep(1.5)
    assert journal.level().behind == {"collector": 1200}
    task.cancel()
    await asyncio.to_thread(journal.close, 0.1)

    journal = opened(tmp_path, port)
    task = asyncio.ensure_future(journal.run())
    recorded(journal, 1201, 1250)
    with receiver.http(port) as (_, first):
        await asyncio.to_thread(first.wait, lambda: len(first.uids) == 1250)
    recorded(journal, 1251, 1300)
    await asyncio.sleep(1.5)
    with receiver.http(port) as (_, second):
        await asyncio.to_thread(second.wait, lambda: len(second.uids) == 50)
        recorded(journal, 1301, 1310)
        task.cancel()
        await asyncio.to_thread(journal.close, 5)
    assert first.uids + second.uids == [f"events-{seq}" for seq in range(1, 1311)]
    assert [record["attributes"]["identity.count"] for record in first.records] == list(range(1, 1251))
    assert max(len(request.resource_logs[0].scope_logs[0].log_records) for request in first.logs) <= 512
    assert caplog.text.count("collector doesn't take events") == 2
    assert caplog.text.count("collector takes events again") == 1
    assert "Connection refused" in caplog.text
    assert journal.level().behind == {"collector": 0}


async def test_a_receiver_that_nobody_here_wrote_understands_them(tmp_path: Path) -> None:
    port = free_port()
    journal = opened(tmp_path, port)
    async with OtelTapHttpProtobufReceiver(OtelTapHttpProtobufReceiverSettings(http_port=port)) as tap:
        found = asyncio.ensure_future(
            tap.await_log(
                lambda log: any(
                    a.key == "log.record.uid" and a.value.string_value == "events-3" for a in log.attributes
                )
            )
        )
        await asyncio.sleep(0)
        task = asyncio.ensure_future(journal.run())
        recorded(journal, 1, 5)
        record = await asyncio.wait_for(found, 20)
        task.cancel()
        await asyncio.to_thread(journal.close, 5)
    assert record.event_name == "identity.init"
    assert record.trace_id.hex() == TRACE
    assert record.span_id.hex() == SPAN
    assert len(lines(tmp_path)) == 5
    assert json.dumps(lines(tmp_path)[2]["attributes"]["identity.count"]) == "3"
