"""A route with all that is needed to use it."""

from dataclasses import dataclass

from sidecar.egress.routes import Leg
from sidecar.oauth.credential import Source
from sidecar.oauth.provider import Provider
from sidecar.relay.passage import Times
from sidecar.relay.pool import Pool


@dataclass(frozen=True, slots=True)
class Exit:
    leg: Leg
    pool: Pool
    provider: Provider | None = None
    source: Source | None = None
    times: Times | None = None
    clear: bool = False
    """A credential would go over plain http to another machine, and may not."""
