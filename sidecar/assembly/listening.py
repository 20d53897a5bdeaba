"""Where a sidecar listens: its listeners, and what the configuration and the machine allow them."""

import logging
import resource
import ssl
from dataclasses import dataclass
from typing import Any

from sidecar.relay.relay import Limits, Relay, Timeouts
from sidecar.settings import Settings
from sidecar.wire.endpoint import Endpoint, Unix

log = logging.getLogger("sidecar")

_SPARE_DESCRIPTORS = 256


@dataclass(slots=True)
class Listener:
    name: str
    endpoint: Endpoint
    relay: Relay
    secure: bool = False

    @property
    def url(self) -> str:
        if isinstance(self.endpoint, Unix):
            return str(self.endpoint)
        return f"{'https' if self.secure else 'http'}://{self.endpoint}"


def limits(given: Any, key: str) -> Limits:
    return Limits(head=given.head, connections=given.connections, requests=given.requests, key=key)


def timeouts(given: Any) -> Timeouts:
    return Timeouts(given.head, given.connect, given.first_byte, given.idle, given.drain)


def certificate(context: ssl.SSLContext, settings: Settings) -> ssl.SSLContext:
    tls = settings.inbound.tls
    if tls is not None:
        context.load_cert_chain(tls.cert, tls.key)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def raise_descriptor_limit(connections: int) -> None:
    """Allow the open files that *connections* need, each with one to the agent; say so where the machine doesn't."""
    wanted = connections * 2 + _SPARE_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < wanted:
        room = (allowed - _SPARE_DESCRIPTORS) // 2
        log.warning(
            "inbound.limits.connections is %d, but the limit of open files (ulimit -n: %d) leaves room for %d",
            connections,
            hard,
            room,
        )
