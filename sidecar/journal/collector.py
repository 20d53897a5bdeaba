"""An OpenTelemetry collector: its address, and exporters to it. Only making one of them imports ``opentelemetry``.

The exporters' own log is not passed on: at each try they say what went wrong, and an outage has many tries. The last
reason of each thread is kept for whoever reports the outage once.
"""

import logging
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from sidecar.secret import Secret

if TYPE_CHECKING:
    from opentelemetry.sdk._logs.export import LogRecordExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from requests.adapters import HTTPAdapter

NAME: Final = "agent-identity-sidecar"
_SECONDS: Final = 10  # for one export, the exporter's own retries included
_LOGGERS: Final = (
    "opentelemetry.exporter.otlp.proto.http._log_exporter",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.exporter.otlp.proto.grpc.exporter",
)


@dataclass(frozen=True, slots=True)
class Collector:
    """Where log records and spans go."""

    url: str
    """Its base URL; over HTTP ``/v1/logs`` and ``/v1/traces`` are added."""
    service: str
    """The resource's ``service.name``: the agent's."""
    protocol: Literal["http", "grpc"] = "http"
    headers: Mapping[str, Secret] = field(default_factory=dict)
    ca_file: Path | None = None
    """A company's own certificates, to be trusted beside the public ones."""
    instance: str = ""
    """The resource's ``service.instance.id``: this sidecar, across restarts."""

    def log_exporter(self) -> "LogRecordExporter":
        if self.protocol == "grpc":
            from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as Grpc

            return Grpc(**self._grpc())
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as Http

        return Http(**self._http("/v1/logs"))

    def span_exporter(self) -> "SpanExporter":
        if self.protocol == "grpc":
            from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as Grpc

            return Grpc(**self._grpc())
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as Http

        return Http(**self._http("/v1/traces"))

    def resource(self) -> "Resource":
        from opentelemetry.sdk.resources import Resource

        return Resource.create({"service.name": self.service, "service.instance.id": self.instance})

    def _http(self, path: str) -> dict[str, Any]:
        import requests

        session = requests.Session()
        session.trust_env = False  # else REQUESTS_CA_BUNDLE comes before the file that the configuration names
        session.proxies.update(requests.utils.get_environ_proxies(self.url))
        session.hooks["response"].append(_refuse_redirect)
        if self.ca_file is not None:
            session.mount("https://", _trusting(self.ca_file))
        return {
            "endpoint": self.url.rstrip("/") + path,
            "certificate_file": None if self.ca_file is None else str(self.ca_file),
            "headers": {name: value.reveal() for name, value in self.headers.items()},
            "timeout": _SECONDS,
            "session": session,
        }

    def _grpc(self) -> dict[str, Any]:
        import grpc  # type: ignore[import-untyped]  # it has no stubs, and is only handed on

        roots = None if self.ca_file is None else public_roots() + self.ca_file.read_bytes()
        secure = self.url.startswith("https:")
        return {
            "endpoint": self.url,
            "insecure": not secure,
            "credentials": grpc.ssl_channel_credentials(roots) if secure else None,
            "headers": tuple((name.lower(), value.reveal()) for name, value in self.headers.items()),
            "timeout": _SECONDS,
        }


def scope() -> "InstrumentationScope":
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    return InstrumentationScope(NAME)


def public_roots() -> bytes:
    """The public certificate authorities, as PEM."""
    import certifi

    return certifi.contents().encode()


def _trusting(ca_file: Path) -> "HTTPAdapter":
    """The exporter hands *ca_file* to ``requests`` in place of all others: so that the system's roots count, too."""
    from requests.adapters import HTTPAdapter

    class Trusting(HTTPAdapter):
        def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
            context = ssl.create_default_context()
            context.load_verify_locations(ca_file)
            super().init_poolmanager(*arguments, ssl_context=context, **named)

    return Trusting()


def _refuse_redirect(response: Any, *_: object, **__: object) -> None:
    """The exporter takes a redirect for success, and what was sent would be lost."""
    if 300 <= response.status_code < 400:
        response.close()
        raise OSError(f"it answered {response.status_code}, and a redirect is not followed")


class Reasons(logging.Handler):
    """What exporters say went wrong, by thread."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._said: dict[int, list[str]] = {}

    @classmethod
    def listen(cls) -> "Reasons":
        """The handler of the exporters' loggers, to which this thread's has said nothing yet."""
        logger = logging.getLogger("opentelemetry.exporter.otlp")
        found = next((handler for handler in logger.handlers if isinstance(handler, cls)), None)
        if found is None:
            found = cls()
            logger.addHandler(found)
            logger.propagate = False
        for name in _LOGGERS:  # they don't repeat themselves for 20 seconds, also when that is another outage
            logging.getLogger(name).filters.clear()
        found._said.pop(threading.get_ident(), None)
        return found

    def emit(self, record: logging.LogRecord) -> None:
        """Keep *record*'s text: the first says what happened, the last what became of it."""
        said = self._said.setdefault(record.thread or 0, [])
        del said[1:]
        said.append(record.getMessage().removesuffix("."))

    def take(self) -> str:
        """What this thread's exporter said since this was last asked."""
        return "; ".join(self._said.pop(threading.get_ident(), ["no reason was given"]))
