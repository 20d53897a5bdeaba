"""Where users have to agree, told on the answer to their own call: an agent that keeps it to itself lets them know all
the same.

``Link: <…>; rel="urn:identity-sidecar:consent"`` (RFC 8288), as long as the answer's head hasn't been sent.
"""

from typing import Protocol

from sidecar.invocation.invocation import Invocation

REL = b"urn:identity-sidecar:consent"
MOST = 4
"""Of one answer."""


class Marked(Protocol):
    """A request whose answer isn't sent yet."""

    mark: bytes
    """Header lines that are added to it."""


class Links:
    """The calls that are under way, by the invocation's id."""

    def __init__(self) -> None:
        self._open: dict[bytes, tuple[Marked, list[str]]] = {}

    def keep(self, invocation: Invocation, visit: Marked) -> None:
        """*visit* is the request that opened *invocation*; it has to be ``over`` one day."""
        self._open[invocation.id] = visit, []

    def offer(self, invocation: bytes, url: str) -> None:
        """Tell *url* on the answer to the call that opened the invocation of that id; nothing happens once it is
        over."""
        visit, offered = self._open.get(invocation, (None, []))
        if visit is not None and url not in offered and len(offered) < MOST:
            offered.append(url)
            visit.mark += b'Link: <%b>; rel="%b"\r\n' % (url.encode(), REL)

    def over(self, invocation: Invocation) -> None:
        """Its answer has ended."""
        self._open.pop(invocation.id, None)

    def __len__(self) -> int:
        return len(self._open)
