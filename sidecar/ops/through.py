"""The door of the sidecar's own listeners: every well-formed request goes to the application behind it."""

from collections.abc import Callable, Mapping
from typing import Any

from sidecar.errors import Refusal
from sidecar.relay.head import HOP_BY_HOP, Head, Shapes
from sidecar.relay.passage import Notice, Passage, Peer
from sidecar.relay.pool import Pool

_NOT_PASSED = HOP_BY_HOP | {b"content-length"}


class Through:
    """Lets everything in that is HTTP; who may come at all is the listener's address."""

    def __init__(self, pool: Pool, trace_id: Callable[[], bytes]) -> None:
        self._pool = pool
        self._trace_id = trace_id
        self.shapes: Shapes[tuple[int, ...]] = Shapes(_kept)

    def drops(self, name: bytes) -> bool:
        return name in _NOT_PASSED

    def admit(self, head: Head[tuple[int, ...]], peer: Peer) -> Passage:
        lines = b"".join([head.lines[index] + b"\r\n" for index in head.shape.plan])
        return Passage(self._pool, b"%b %b HTTP/1.1\r\n%b" % (head.method, head.target, lines), b"")

    def refused(self, refusal: Refusal, head: Head[Any] | None, peer: Peer) -> Notice:
        return Notice(self._trace_id().decode())


def _kept(at: Mapping[bytes, tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(sorted(index for name, indices in at.items() if name not in _NOT_PASSED for index in indices))
