"""A CONNECT that goes on as TLS of our own, on the same connection."""

import asyncio
import logging
import ssl
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from sidecar.relay.passage import Opening
from sidecar.relay.ways import CONNECTED

if TYPE_CHECKING:
    from sidecar.relay.connection import Connection

log = logging.getLogger(__name__)


class BrokenOff:
    """Says which handshakes came to nothing: of each host the first, and a minute later how many more there were."""

    SECONDS = 60.0

    def __init__(self, later: Callable[[float, Callable[[], object]], object]) -> None:
        """*later* calls something after so many seconds."""
        self._later = later
        self._more: dict[str, int] = {}

    def off(self, host: str, said: str) -> None:
        """A client went that had opened a tunnel to *host*, one of the routes'; *said*: how."""
        if host in self._more:
            self._more[host] += 1
            return
        self._more[host] = 0
        self._later(self.SECONDS, partial(self._sum_up, host))
        log.warning(
            "a client broke off the TLS handshake for %s (%s): it has to trust run.dir/ca.pem, as the variables of "
            "`sidecar env` say, and to name that very host",
            host,
            said,
        )

    def _sum_up(self, host: str) -> None:
        if more := self._more.pop(host):
            log.warning("%d more handshakes for %s were broken off within %g s", more, host, self.SECONDS)


class _Arriving(asyncio.Protocol):
    """Keeps what is decrypted before the handshake's end is known here."""

    def __init__(self) -> None:
        self.data = b""
        self.lost = False

    def data_received(self, data: bytes) -> None:
        self.data += data

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True


async def intercept(outer: "Connection", opening: Opening) -> None:
    """Answer the CONNECT on *outer*, shake hands, and put a connection of the same relay in its place."""
    relay = outer.relay
    arriving = _Arriving()
    outer.transport.write(CONNECTED)
    if opening.context is None:
        relay.closed(outer)
        inner = relay.connection(opening.tunnel)
        outer.transport.set_protocol(inner)
        inner.connection_made(outer.transport)
        return
    try:
        transport = await relay.shake(outer.transport, arriving, opening.context)
    except (OSError, ssl.SSLError) as error:
        said = error.reason if isinstance(error, ssl.SSLError) else type(error).__name__
        relay.broken.off(opening.host, said)
        outer.transport.abort()
        relay.closed(outer)
        return
    relay.closed(outer)
    inner = relay.connection(opening.tunnel)
    transport.set_protocol(inner)
    inner.connection_made(transport)
    if arriving.lost:
        inner.connection_lost(None)
    elif arriving.data:
        inner.data_received(arriving.data)
