"""Requests that are decided by their body."""

import logging
from collections.abc import Awaitable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from sidecar.errors import BadRequest, Internal, Refusal, TooLarge
from sidecar.relay.exchange import DONE, OVER
from sidecar.relay.head import Head
from sidecar.relay.passage import BODILESS, Gathered, Outcome, Reply
from sidecar.relay.pool import Upstream
from sidecar.relay.sifting import Sifting

if TYPE_CHECKING:
    from sidecar.relay.connection import Connection

log = logging.getLogger(__name__)

_PHRASES = {status.value: status.phrase.encode() for status in HTTPStatus}


class Whole(Sifting):
    """One that is decided by its body: nothing is sent before that is here, or we answer it ourselves."""

    __slots__ = ("_body", "_most", "waits")

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
            said = self.passage.gathered(self._body)
        except Refusal as refusal:
            self._fail(refusal, Outcome.REFUSED)
        except Exception:  # noqa: BLE001 - a bug becomes a 500, never a connection that says nothing
            self._bug()
        else:
            self._go_on(said)

    def _go_on(self, said: bytes | Reply | Awaitable[bytes | Reply]) -> None:
        if isinstance(said, bytes):
            self.passage.head = said
            if self.passage.body is not None:
                self._body = self.passage.body
            self.waits = False
            self._caller.reach(self)
        elif isinstance(said, Reply):
            self._reply(said)
        else:
            self._caller.dialling(self._caller.relay.spawn(self._wait(said)))

    async def _wait(self, coming: Awaitable[bytes | Reply]) -> None:
        """Go on once the passage, which has to ask someone first, knows."""
        refusal: Refusal | None = None
        said: bytes | Reply = b""
        try:
            said = await coming
        except Refusal as caught:
            refusal = caught
        except Exception:
            log.exception("a request failed inside the sidecar")
            refusal = Internal()
        if self._caller.exchange is not self:
            return
        self._caller.dialling(None)
        if refusal is not None:
            self._fail(refusal, Outcome.REFUSED)
        else:
            self._go_on(said)

    def _bug(self) -> None:
        log.exception("a request failed inside the sidecar")  # noqa: LOG004 - called by the handlers
        self._fail(Internal(), Outcome.REFUSED)

    def _reply(self, reply: Reply) -> None:
        self.status, self.answered = reply.status, True
        self._mode = OVER
        error = b"Sidecar-Error: %b\r\n" % reply.code.encode() if reply.code else b""
        length = b"" if reply.status in BODILESS else b"Content-Length: %d\r\n" % len(reply.body)
        self._caller.write(
            b"HTTP/1.1 %d %b\r\n%b%b%b%b%b\r\n%b"
            % (
                reply.status,
                _PHRASES.get(reply.status, b""),
                reply.lines,
                error,
                self.passage.mark,
                length,
                self._staying(),
                b"" if self.head.method == b"HEAD" else reply.body,
            )
        )
        self._caller.finished(self, DONE)

    def begin(self, upstream: Upstream) -> None:
        self._upstream = upstream
        upstream.side = self
        framing = b"Content-Length: %d\r\n\r\n" % len(self._body) if self._framed else b"\r\n"
        upstream.transport.write(self.passage.head + framing + self._body)

    @property
    def _framed(self) -> bool:
        return bool(self._body) or self.head.shape.length >= 0 or self.head.shape.chunked >= 0
