"""The ways to an upstream beside the streamed one."""

from collections.abc import Mapping
from typing import Any

from sidecar.relay.exchange import Exchange
from sidecar.relay.gathering import Whole
from sidecar.relay.passage import Way
from sidecar.relay.pool import Upstream


class Blind(Exchange):
    """A CONNECT whose tunnel is not looked into."""

    __slots__ = ()

    def begin(self, upstream: Upstream) -> None:
        self._upstream = upstream
        upstream.side = self
        self._open(200, CONNECTED)


CONNECTED = b"HTTP/1.1 200 Connection established\r\n\r\n"
WAYS: Mapping[Way, Any] = {Way.STREAMED: Exchange, Way.GATHERED: Whole, Way.BLIND: Blind}
"""The exchange that carries a passage, by its ``way``."""
