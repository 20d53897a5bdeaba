"""The ways to an upstream beside the streamed one: with a body that must be known first, and blind."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sidecar.errors import BadRequest, Refusal, TooLarge
from sidecar.relay.exchange import Exchange
from sidecar.relay.head import Head
from sidecar.relay.passage import Gathered, Outcome, Way
from sidecar.relay.pool import Upstream

if TYPE_CHECKING:
    from sidecar.relay.connection import Connection


class Whole(Exchange):
    """One whose request's head depends on its body, so that nothing is sent before the body is here."""

    __slots__ = ("_body", "_most", "waits")

    passage: Gathered

    def __init__(self, caller: "Connection", head: Head[Any], passage: Gathered) -> None:
        super().__init__(caller, head, passage)
        self._body = b""
        self._most = passage.most
        self.waits = True

    def start(self) -> None:
        """Ask for the body. The caller of a body that is too large hears of it at once."""
        if self._left > self._most:
            self._too_large()
        elif not self.wants_body:
            self._complete()
        elif self.head.expects:
            self._caller.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def from_caller(self, data: bytes) -> bytes:
        if not self.waits:
            return super().from_caller(data)
        if self._reader is not None:
            return self._gather_chunks(data)
        taken = data[: self._left]
        self._left -= len(taken)
        self.wants_body = self._left > 0
        self._body += taken
        if not self.wants_body:
            self._complete()
        return data[len(taken) :]

    def _gather_chunks(self, data: bytes) -> bytes:
        reader = self._reader
        if reader is None:
            return data
        try:
            self._body += b"".join(reader.feed(data))
        except ValueError as error:
            self._fail(BadRequest(f"the body: {error}"), Outcome.REFUSED)
            return b""
        if len(self._body) > self._most:
            self._too_large()
            return b""
        if not reader.done:
            return b""
        self._reader, self.wants_body = None, False
        self._complete()
        return data[reader.end :]

    def _too_large(self) -> None:
        mend = f"Send a body of at most {self._most} bytes: it must be read whole before this request can be made."
        self._fail(TooLarge(f"a body of more than {self._most} bytes", mend=mend), Outcome.REFUSED)

    def _complete(self) -> None:
        try:
            self.passage.head = self.passage.gathered(self._body)
        except Refusal as refusal:
            self._fail(refusal, Outcome.REFUSED)
            return
        self.waits = False
        self._caller.reach(self)

    def begin(self, upstream: Upstream) -> None:
        self._upstream = upstream
        upstream.side = self
        framing = b"Content-Length: %d\r\n\r\n" % len(self._body) if self._framed else b"\r\n"
        upstream.transport.write(self.passage.head + framing + self._body)

    @property
    def _framed(self) -> bool:
        return bool(self._body) or self.head.shape.length >= 0 or self.head.shape.chunked >= 0


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
