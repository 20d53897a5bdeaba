"""Events as OpenTelemetry log records: the event's name, its attributes, its place in the trace.

A record also has ``log.record.uid``, by which a receiver knows one that it gets twice: delivery is at least once.
"""

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sidecar.journal.audit import seq_of
from sidecar.journal.collector import Collector, Reasons, scope
from sidecar.journal.follower import Undelivered

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import ReadableLogRecord
    from opentelemetry.sdk._logs.export import LogRecordExporter

_MOST: Final = 512


class LogRecords:
    """Sends lines of the audit log to a collector."""

    name: Final = "collector"

    def __init__(self, collector: Collector) -> None:
        self.most = _MOST
        """Halved at each failure, since a batch may be too large for the receiver."""
        self._collector = collector
        self._exporter: LogRecordExporter | None = None
        self._aborted = False

    def deliver(self, log: str, lines: list[bytes]) -> None:
        """Have *lines* accepted by the collector. Raise ``Undelivered``."""
        from opentelemetry.sdk._logs.export import LogRecordExportResult

        if self._aborted:
            raise Undelivered("the sidecar stops")
        if self._exporter is None:
            self._exporter = self._collector.log_exporter()
            self._records = _Records(self._collector)
        reasons = Reasons.listen()
        result = self._exporter.export([self._records.read(log, line) for line in lines])
        if result is not LogRecordExportResult.SUCCESS:
            self.most = max(1, self.most // 2)
            raise Undelivered(reasons.take())
        self.most = min(_MOST, 2 * self.most)

    def abort(self) -> None:
        self._aborted = True
        self._shut_down()

    def close(self) -> None:
        if not self._aborted:
            self._shut_down()

    def _shut_down(self) -> None:
        if self._exporter is not None:
            self._exporter.shutdown()  # type: ignore[no-untyped-call]  # declared without types


class _Records:
    """Reads lines as log records."""

    def __init__(self, collector: Collector) -> None:
        self._resource = collector.resource()
        self._scope = scope()

    def read(self, log: str, line: bytes) -> "ReadableLogRecord":
        """*line* as a record; one that the disk has spoilt as its text, so that it doesn't stop the rest."""
        from opentelemetry._logs import LogRecord, SeverityNumber
        from opentelemetry.sdk._logs import ReadableLogRecord

        uid = f"{log}-{seq_of(line)}"
        try:
            event = json.loads(line)
            name = event["name"]
            record = LogRecord(
                timestamp=_nanoseconds(event["time"]),
                context=_context(event["trace_id"], event["span_id"]),
                severity_number=SeverityNumber.INFO,
                body=name,
                attributes={**event["attributes"], "log.record.uid": uid},
                event_name=name,
            )
        except (ValueError, KeyError, TypeError):
            text = line.decode("latin-1")
            record = LogRecord(severity_number=SeverityNumber.ERROR, body=text, attributes={"log.record.uid": uid})
        return ReadableLogRecord(record, resource=self._resource, instrumentation_scope=self._scope)


def _nanoseconds(time: str) -> int:
    """*time* as the log spells it, in nanoseconds since the epoch."""
    return int(datetime.fromisoformat(time[:19] + "+00:00").timestamp()) * 1_000_000_000 + int(time[20:29])


def _context(trace_id: str, span_id: str) -> Any:
    """The context of an event inside a trace; an empty one elsewhere."""
    from opentelemetry.context import Context
    from opentelemetry.trace import NonRecordingSpan, SpanContext, set_span_in_context

    if not trace_id:
        return Context()
    span = SpanContext(int(trace_id, 16), int(span_id or "0", 16), is_remote=False)
    return set_span_in_context(NonRecordingSpan(span), Context())
