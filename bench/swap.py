"""mitmproxy's side of the comparison: an addon that puts the real credential in the place of the agent's."""

from mitmproxy.http import HTTPFlow

REAL = "Bearer real-key"


def request(flow: HTTPFlow) -> None:
    """Called for every request, before it leaves."""
    flow.request.headers["authorization"] = REAL
