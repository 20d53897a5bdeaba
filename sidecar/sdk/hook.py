"""Where the handle stands in an outgoing request, so that nobody but the sidecar ever sees it. Pure.

A header of the request itself goes as far as the request does: through a tunnel to whoever is at its other end, and
after a redirect to whoever that names. So it is set on each hop's own copy, and only where the peer is the sidecar: on
what it serves, and on plain http through it, of which it removes the header. Over TLS the handle is the proxy's user:
it is in CONNECT and never inside of the tunnel. A tunnel so belongs to one invocation, and is never shared with
another's requests.
"""

from dataclasses import dataclass, field

from sidecar.sdk.call import current
from sidecar.sdk.place import Place, Way

MOST_LANES = 64
"""How many proxies a client's pool remembers; each invocation's tunnels are one."""
_PLAIN = frozenset({"http", "ws"})


@dataclass(frozen=True, slots=True)
class Sent:
    """How a request is sent."""

    proxy: str | None
    """The proxy's URL; ``None``: without one."""
    user: str | None = field(repr=False)
    """The handle, as the proxy's user; the password is empty."""
    header: str | None = field(repr=False)
    """What ``X-Identity-Invocation`` says; ``None``: nothing, whatever the request itself has there."""

    @property
    def proxy_with_user(self) -> str | None:
        """The proxy's URL, the handle in it: a secret."""
        if self.proxy is None or self.user is None:
            return self.proxy
        return self.proxy.replace("//", f"//{self.user}:@", 1)


class Hook:
    """Decides how each request is sent; made once for a client."""

    def __init__(self, place: Place | None = None) -> None:
        """Raise ``ValueError`` where the sidecar listens on a unix socket: no client takes one for its proxy."""
        self._place = place or Place.found()
        if self._place.socket is not None:
            raise ValueError("through a unix socket no client goes: let egress.listen be an address")

    def sent(self, scheme: str, host: str, port: int | None, given: str | None) -> Sent:
        """*host* without brackets; *given* is the request's own ``X-Identity-Invocation``, which wins where the sidecar
        sees the request. Without one, and outside of a call, the agent calls for itself."""
        place = self._place
        way = place.way(scheme, host, port)
        if way is Way.DIRECT:
            return Sent(None, None, None)
        call = current.get()
        handle = given or (call.handle if call is not None else place.agent)
        if way is Way.SIDECAR:
            return Sent(None, None, handle)
        return Sent(place.url, None, handle) if scheme in _PLAIN else Sent(place.url, handle, None)
