"""What Prometheus scrapes, in its text format 0.0.4, written by hand.

No metric names a principal: labels are words of the configuration, and our own.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Type(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"


@dataclass(frozen=True, slots=True)
class Metric:
    """A family of samples."""

    name: str
    type: Type
    help: str
    labels: tuple[str, ...] = ()

    def __call__(self, value: float, *labels: str) -> "Sample":
        """A sample of this family; *labels* are the values of ``self.labels``, in their order."""
        return Sample(self, value, labels)


@dataclass(frozen=True, slots=True)
class Sample:
    metric: Metric
    value: float
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.metric.labels):
            raise ValueError(f"{self.metric.name} takes the labels {self.metric.labels}, not {len(self.labels)} values")


BUILD = Metric("sidecar_build_info", Type.GAUGE, "Always 1; the label is the sidecar's version.", ("version",))
READY = Metric("sidecar_ready", Type.GAUGE, "1 when /readyz says yes, else 0.")
REQUESTS = Metric(
    "sidecar_requests_total",
    Type.COUNTER,
    'Requests that were let in and have ended, by how: "done", or what broke them off.',
    ("listener", "outcome"),
)
REFUSALS = Metric(
    "sidecar_refusals_total", Type.COUNTER, "Requests that the sidecar answered itself, by code.", ("listener", "code")
)
RESPONSES = Metric(
    "sidecar_responses_total",
    Type.COUNTER,
    "Requests that were let in and have ended, by their answer's status; 0 where none came.",
    ("listener", "status"),
)
IN_FLIGHT = Metric(
    "sidecar_requests_in_flight", Type.GAUGE, "Requests that were let in and have not ended.", ("listener",)
)
CONNECTIONS = Metric("sidecar_connections", Type.GAUGE, "Connections that are open to the listener.", ("listener",))
ACCEPTED = Metric(
    "sidecar_connections_total", Type.COUNTER, "Connections that the listener has accepted.", ("listener",)
)
HANDLES = Metric(
    "sidecar_handles", Type.GAUGE, 'Invocations by state: "open", or "lingering" after their response.', ("state",)
)
AGENT_CALLS = Metric(
    "sidecar_agent_calls_during_invocations_total",
    Type.COUNTER,
    "Calls out that the agent made for itself, or that nobody was named for, while invocations were open.",
)
ISSUER_KEYS = Metric("sidecar_issuer_keys", Type.GAUGE, "Verification keys that are held for the issuer.", ("issuer",))
ISSUER_KEY_AGE = Metric(
    "sidecar_issuer_key_age_seconds",
    Type.GAUGE,
    "Seconds since the issuer's keys were last fetched; absent while there never were any.",
    ("issuer",),
)
JOURNAL_FILL = Metric(
    "sidecar_journal_fill_ratio", Type.GAUGE, "The share of the journal that waits to be drained, 0 to 1."
)
JOURNAL_LOST = Metric(
    "sidecar_journal_lost_total", Type.COUNTER, "Events that were lost; always 0 while audit.required is true."
)
JOURNAL_REJECTED = Metric(
    "sidecar_journal_rejected_total", Type.COUNTER, "Rejections of strangers, those only summed up included."
)
CPU = Metric("process_cpu_seconds_total", Type.COUNTER, "User and system CPU time of the process, in seconds.")
MEMORY = Metric("process_resident_memory_bytes", Type.GAUGE, "Resident memory of the process, in bytes.")
START = Metric("process_start_time_seconds", Type.GAUGE, "When the process started, in seconds since the epoch.")
OPEN_FDS = Metric("process_open_fds", Type.GAUGE, "File descriptors that are open.")
MAX_FDS = Metric("process_max_fds", Type.GAUGE, "File descriptors that may be open.")

METRICS = (
    *(BUILD, READY, REQUESTS, REFUSALS, RESPONSES, IN_FLIGHT, CONNECTIONS, ACCEPTED),
    *(HANDLES, AGENT_CALLS, ISSUER_KEYS, ISSUER_KEY_AGE),
    *(JOURNAL_FILL, JOURNAL_LOST, JOURNAL_REJECTED, CPU, MEMORY, START, OPEN_FDS, MAX_FDS),
)
"""Every family, in the order in which they are rendered."""

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def render(samples: Iterable[Sample]) -> str:
    """The exposition: each family once, with its samples in the order given; a family without samples is left out."""
    families: dict[str, list[Sample]] = {metric.name: [] for metric in METRICS}
    for sample in samples:
        families[sample.metric.name].append(sample)
    lines: list[str] = []
    for family in filter(None, families.values()):
        metric = family[0].metric
        lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.type}"]
        lines += [f"{metric.name}{_labels(sample)} {sample.value!r}" for sample in family]
    return "\n".join(lines) + "\n"


def _labels(sample: Sample) -> str:
    if not sample.labels:
        return ""
    pairs = zip(sample.metric.labels, sample.labels, strict=True)
    return "{" + ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in pairs) + "}"
