"""Requests as spans. They are no evidence: what a slow collector doesn't take is dropped and counted."""

import logging
import threading
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from sidecar.events import Attribute, Value, clean_method, clean_path
from sidecar.journal.collector import Collector, Reasons, scope
from sidecar.wire.trace import Trace

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter

_log = logging.getLogger("sidecar.journal")
_BATCH: Final = 512
_EVERY: Final = 1.0  # seconds
_LONGEST_PAUSE: Final = 30.0
_SAMPLED: Final = (b"01", b"03")


class Ended(NamedTuple):
    """A request that has ended, as the relay knows it."""

    trace: Trace
    start_ns: int
    end_ns: int
    method: bytes
    path: bytes
    status: int
    attributes: Mapping[str, Value]
    outward: bool = False
    """It went out, to an upstream."""


class Spans:
    """A bounded queue of spans, exported by a thread of its own."""

    def __init__(self, collector: Collector, *, capacity: int = 8192, settle: float = 1.0) -> None:
        """*settle* is how long the thread waits at its start, in seconds, before it imports what it needs."""
        self._collector = collector
        self._capacity = capacity
        self._settle = settle
        self._queue: deque[Ended] = deque()
        self._news = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="journal-spans", daemon=True)
        self._exporter: SpanExporter | None = None
        self.failure: str | None = None
        """Why nothing is exported at the moment."""
        self.dropped = 0
        """Spans that there was no room for, since the start."""

    def start(self) -> None:
        self._thread.start()

    def ended(self, span: Ended) -> None:
        """Export *span* if its trace is sampled. Never waits."""
        if span.trace.flags not in _SAMPLED:
            return
        if len(self._queue) >= self._capacity:
            self.dropped += 1
            return
        self._queue.append(span)
        if len(self._queue) == _BATCH:
            self._news.set()

    def close(self, seconds: float) -> None:
        """Export what is there, for at most *seconds*."""
        self._stop.set()
        self._news.set()
        if self._thread.ident is None:
            return
        self._thread.join(seconds)
        if self._thread.is_alive() and self._exporter is not None:
            self._exporter.shutdown()
            self._thread.join(_EVERY)

    def _run(self) -> None:
        try:
            self._export_all()
        finally:
            if self._exporter is not None:
                self._exporter.shutdown()

    def _export_all(self) -> None:
        """Export until told to stop, and then what is left."""
        self._stop.wait(self._settle)
        batch: list[Ended] = []
        pause = _EVERY
        stopping = False
        while not stopping:
            self._news.wait(_EVERY)
            self._news.clear()
            stopping = self._stop.is_set()
            while batch or self._queue:
                batch = batch or [self._queue.popleft() for _ in range(min(_BATCH, len(self._queue)))]
                if self._export(batch):
                    batch = []
                    pause = _EVERY
                elif stopping:
                    return
                else:
                    stopping = self._stop.wait(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE)
                if len(self._queue) < _BATCH and not batch and not stopping:
                    break

    def _export(self, batch: list[Ended]) -> bool:
        """Send *batch*; whether it was taken. A failure is said once, until it works again."""
        from opentelemetry.sdk.trace.export import SpanExportResult

        if self._exporter is None:
            self._exporter = self._collector.span_exporter()
            self._make = _Make(self._collector.resource())
        reasons = Reasons.listen()
        if self._exporter.export([self._make.span(ended) for ended in batch]) is not SpanExportResult.SUCCESS:
            why = reasons.take()
            if self.failure is None:
                _log.error(
                    "journal: the collector doesn't take spans: %s. Those beyond %d are dropped", why, self._capacity
                )
            self.failure = why
            return False
        if self.failure is not None:
            _log.warning("journal: the collector takes spans again; %d were dropped since the start", self.dropped)
            self.failure = None
        return True


class _Make:
    """Makes OpenTelemetry's spans of ours."""

    def __init__(self, resource: "Resource") -> None:
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

        self._resource = resource
        self._scope = scope()
        self._span, self._context = ReadableSpan, SpanContext
        self._kinds = {False: SpanKind.SERVER, True: SpanKind.CLIENT}
        self._flags, self._ok, self._error = TraceFlags, Status(StatusCode.UNSET), Status(StatusCode.ERROR)

    def span(self, ended: Ended) -> "ReadableSpan":
        """*ended* as a server's span, or a client's (semantic conventions for HTTP); its parent is the caller's where
        there is one."""
        trace = ended.trace
        trace_id, flags = int(trace.trace_id, 16), self._flags(int(trace.flags, 16))
        method = clean_method(ended.method).decode()
        return self._span(
            name=method,
            context=self._context(trace_id, int(trace.span_id, 16), is_remote=False, trace_flags=flags),
            parent=self._context(trace_id, int(trace.parent, 16), is_remote=True, trace_flags=flags)
            if trace.parent
            else None,
            resource=self._resource,
            attributes={
                Attribute.METHOD.value: method,
                Attribute.PATH.value: clean_path(ended.path).decode(),
                Attribute.STATUS.value: ended.status,
                **ended.attributes,
            },
            kind=self._kinds[ended.outward],
            status=self._error if ended.status >= 500 else self._ok,
            start_time=ended.start_ns,
            end_time=ended.end_ns,
            instrumentation_scope=self._scope,
        )
