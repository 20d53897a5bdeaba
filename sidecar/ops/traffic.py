"""A listener's traffic as samples: what its relay has counted."""

from collections.abc import Iterator
from typing import Protocol

from sidecar.ops import metrics
from sidecar.ops.metrics import Sample
from sidecar.relay.relay import Counts


class Counted(Protocol):
    """What is asked of a relay; ``relay.Relay`` is one."""

    @property
    def counts(self) -> Counts: ...

    @property
    def requests(self) -> int: ...

    @property
    def connections(self) -> int: ...


def samples(listener: str, relay: Counted) -> Iterator[Sample]:
    counts = relay.counts
    yield from (metrics.REQUESTS(number, listener, outcome) for outcome, number in sorted(counts.outcomes.items()))
    yield from (metrics.REFUSALS(number, listener, code) for code, number in sorted(counts.refusals.items()))
    yield from (metrics.RESPONSES(number, listener, str(status)) for status, number in sorted(counts.statuses.items()))
    yield metrics.IN_FLIGHT(relay.requests, listener)
    yield metrics.CONNECTIONS(relay.connections, listener)
    yield metrics.ACCEPTED(counts.connections, listener)
