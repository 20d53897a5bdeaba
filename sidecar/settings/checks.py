"""What must hold between the parts of a configuration, each of which is good by itself."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from sidecar.settings import values
from sidecar.settings.settings import Settings
from sidecar.wire.endpoint import Endpoint, Tcp


class Finding(NamedTuple):
    path: str
    what: str
    mend: str
    about: tuple[str, ...] = ()
    """The other paths that it rests on; where one of them is wrong itself, the finding isn't reported."""


Check = Callable[[Settings], Iterator[Finding]]


def listeners(settings: Settings) -> dict[str, Endpoint]:
    """The path of every ``listen`` that is in use, and its address."""
    found = {
        "inbound.listen": settings.inbound.listen,
        "egress.listen": settings.egress.listen,
        "health.listen": settings.health.listen,
    }
    if settings.consent.public_url is not None:
        found["consent.listen"] = settings.consent.listen
    if settings.admin is not None:
        found["admin.listen"] = settings.admin.listen
    return found


def local(endpoint: Endpoint) -> bool:
    return not isinstance(endpoint, Tcp) or values.loopback(endpoint.host)


def development(settings: Settings) -> Iterator[Finding]:
    outside = [path for path, endpoint in listeners(settings).items() if not local(endpoint)]
    if settings.development and outside:
        yield Finding(
            "development",
            f"is true while {', '.join(outside)} can be reached from other machines",
            f"Set  {outside[0]}: 127.0.0.1:{_port(settings, outside[0])}  (and so on), or remove development.",
            tuple(outside),
        )


def _port(settings: Settings, path: str) -> int:
    endpoint = listeners(settings)[path]
    return endpoint.port if isinstance(endpoint, Tcp) else 0


CHECKS: tuple[Check, ...] = (development,)
