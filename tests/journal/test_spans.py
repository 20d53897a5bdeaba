"""Requests as spans: sampled, never waiting, dropped and counted when the collector is slow."""

import threading
import time
from collections.abc import Iterator

import pytest

from sidecar.journal import Collector, Ended
from sidecar.journal import collector as collector_module
from sidecar.journal import spans as module
from sidecar.journal.spans import Spans
from sidecar.wire.trace import Ids, Trace, Tracer
from tests.journal import receiver
from tests.journal.test_otlp import free_port

START = 1_795_516_435_608_533_760
TRACER = Tracer(Ids())


def ended(trace: Trace | None = None, status: int = 200, path: bytes = b"/v1/trips") -> Ended:
    return Ended(trace or TRACER.enter(None), START, START + 5000, b"GET", path, status, {"user.hash": "h_x"})


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_EVERY", 0.05)
    monkeypatch.setattr(collector_module, "_SECONDS", 1.3)


@pytest.fixture
def received() -> Iterator[receiver.Received]:
    with receiver.http() as (port, found):
        found.headers["port"] = str(port)
        yield found


def started(received: receiver.Received, **more: int) -> Spans:
    spans = Spans(Collector(f"http://127.0.0.1:{received.headers['port']}", "travel"), settle=0.0, **more)
    spans.start()
    return spans


def test_a_request_is_a_server_s_span_under_its_caller(received: receiver.Received) -> None:
    spans = started(received)
    trace = TRACER.enter(b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    spans.ended(ended(trace, path=b"/users/a@b.example?token=x"))
    received.wait(lambda: len(received.spans) == 1)
    (span,) = received.spans
    assert span.trace_id.hex() == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert span.span_id.hex().encode() == trace.span_id
    assert span.parent_span_id.hex() == "00f067aa0ba902b7"
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (START, START + 5000)
    assert (span.name, span.kind, span.status.code) == ("GET", 2, 0)
    assert receiver.attributes(span.attributes) == {
        "http.request.method": "GET",
        "url.path": "/users/{email}",
        "http.response.status_code": 200,
        "user.hash": "h_x",
    }
    spans.close(5)


def test_they_go_over_grpc_too() -> None:
    with receiver.over_grpc() as (port, received):
        spans = Spans(Collector(f"http://127.0.0.1:{port}", "travel", "grpc"), settle=0.0)
        spans.start()
        spans.ended(ended())
        spans.close(5)
    assert [span.name for span in received.spans] == ["GET"]


def test_a_trace_that_begins_here_has_no_parent_and_a_failure_of_ours_is_an_error(received: receiver.Received) -> None:
    spans = started(received)
    spans.ended(ended(status=404))
    spans.ended(ended(status=502))
    spans.close(5)
    assert [(span.parent_span_id, span.status.code) for span in received.spans] == [(b"", 0), (b"", 2)]


def test_only_sampled_traces_are_exported(received: receiver.Received) -> None:
    spans = started(received)
    for flags in (b"00", b"01", b"02", b"03"):
        spans.ended(ended(TRACER.enter(None)._replace(flags=flags)))
    spans.close(5)
    assert len(received.spans) == 2


def test_many_go_in_batches(received: receiver.Received) -> None:
    spans = started(received)
    for _ in range(1300):
        spans.ended(ended())
    received.wait(lambda: len(received.spans) >= 1024)
    spans.close(5)
    assert len(received.spans) == 1300
    assert max(len(request.resource_spans[0].scope_spans[0].spans) for request in received.traces) == 512
    assert spans.dropped == 0


def test_in_an_outage_they_are_bounded_and_the_rest_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    spans = Spans(Collector(f"http://127.0.0.1:{port}", "travel"), capacity=100, settle=0.0)
    for _ in range(150):
        spans.ended(ended())
    assert spans.dropped == 50
    spans.start()
    deadline = time.monotonic() + 10
    while spans.failure is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    with receiver.http(port) as (_, received):
        received.wait(lambda: len(received.spans) == 100)
        spans.ended(ended())
        spans.close(5)
    assert len(received.spans) == 101
    said = [record.message for record in caplog.records if record.name == "sidecar.journal"]
    assert [text[:46] for text in said] == [
        "journal: the collector doesn't take spans: Tra",
        "journal: the collector takes spans again; 50 w",
    ]


def test_closing_in_an_outage_ends_in_time() -> None:
    spans = Spans(Collector(f"http://127.0.0.1:{free_port()}", "travel"), settle=0.0)
    spans.start()
    spans.ended(ended())
    time.sleep(0.2)
    begun = time.monotonic()
    spans.close(0.1)
    assert time.monotonic() - begun < 1
    assert "journal-spans" not in {thread.name for thread in threading.enumerate()}


def test_closing_ends_what_was_never_started_or_never_used(received: receiver.Received) -> None:
    Spans(Collector("http://127.0.0.1:1", "travel")).close(5)
    started(received).close(5)
    assert received.traces == []
