"""A relay's counts as samples."""

from collections import Counter
from dataclasses import dataclass, field

from sidecar.ops import traffic
from sidecar.ops.metrics import render
from sidecar.relay.passage import Outcome
from sidecar.relay.relay import Counts


@dataclass
class Relay:
    """What a relay has counted."""

    counts: Counts = field(
        default_factory=lambda: Counts(
            done=7,
            broken_off=Counter({Outcome.CALLER_GONE: 1}),
            statuses={200: 6, 404: 1, 0: 1},
            refusals=Counter({"token_missing": 3}),
            connections=5,
        )
    )
    requests: int = 2
    connections: int = 4


def test_every_count_of_a_relay_is_shown_under_its_listener() -> None:
    lines = [line for line in render(traffic.samples("inbound", Relay())).splitlines() if not line.startswith("#")]
    assert lines == [
        'sidecar_requests_total{listener="inbound",outcome="caller_gone"} 1',
        'sidecar_requests_total{listener="inbound",outcome="done"} 7',
        'sidecar_refusals_total{listener="inbound",code="token_missing"} 3',
        'sidecar_responses_total{listener="inbound",status="0"} 1',
        'sidecar_responses_total{listener="inbound",status="200"} 6',
        'sidecar_responses_total{listener="inbound",status="404"} 1',
        'sidecar_requests_in_flight{listener="inbound"} 2',
        'sidecar_connections{listener="inbound"} 4',
        'sidecar_connections_total{listener="inbound"} 5',
    ]


def test_a_relay_that_has_served_nobody_shows_zeros() -> None:
    text = render(traffic.samples("inbound", Relay(Counts(), 0, 0)))
    assert 'sidecar_connections_total{listener="inbound"} 0\n' in text
