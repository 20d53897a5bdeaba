"""A tunnel lives as long as the connection inside, and one that is bound no longer than its invocation."""

from sidecar.egress.destination import Destination
from sidecar.egress.tunnel import Tunnel
from sidecar.invocation.caller import AGENT
from tests.egress.out import Out, Stopped

HOST = Destination("https", "api.example.com", 443)


def test_a_bound_tunnels_connection_is_stopped_with_its_invocation() -> None:
    out = Out({}, {})
    invocation, _ = out.open()
    tunnel, one, other = Tunnel(HOST, invocation, out.invocations), Stopped(), Stopped()
    tunnel.opened(one)
    tunnel.opened(other)
    tunnel.closed(other)
    out.invocations.end_all(lambda _: True)
    assert (one.stops, other.stops) == (1, 0)


def test_others_are_nobodys() -> None:
    out = Out({}, {})
    out.open()
    for caller in (AGENT, None):
        tunnel, one = Tunnel(HOST, caller, out.invocations), Stopped()
        tunnel.opened(one)
        out.invocations.end_all(lambda _: True)
        assert one.stops == 0
        tunnel.closed(one)
