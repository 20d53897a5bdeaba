"""Answers that are rewritten as they come."""

from typing import TYPE_CHECKING, Any

from sidecar.relay.answer import Answer
from sidecar.relay.chunked import Chunked, chunk
from sidecar.relay.exchange import CHUNKED, LENGTH, NOTHING, OVER, UNTIL_CLOSE, Exchange
from sidecar.relay.head import Head
from sidecar.relay.passage import BODILESS, Gathered, Sieve
from sidecar.relay.pool import Upstream

if TYPE_CHECKING:
    from sidecar.relay.connection import Connection


class Sifting(Exchange):
    """One whose passage may rewrite the answer's body: what is framed anew is the passage's sieve's."""

    __slots__ = ("_begun", "_sieve", "_sifted", "_start")

    passage: Gathered

    def __init__(self, caller: "Connection", head: Head[Any], passage: Gathered) -> None:
        super().__init__(caller, head, passage)
        self._sieve: Sieve | None = None
        self._start = b""
        self._begun = False
        """The answer's head has gone to the caller."""
        self._sifted = b""

    def _answer(self, answer: Answer, rest: bytes) -> None:
        try:
            self._sieve = self.passage.sieve(answer)
        except ValueError as error:
            self._misread(str(error))
            return
        if self._sieve is None or self.head.method == b"HEAD" or answer.status in BODILESS:
            self._sieve = None
            super()._answer(answer, rest)
            return
        self.status = answer.status
        self._keep_upstream = answer.keep_alive
        self._start = answer.start
        kept = self._caller.keep_alive
        self._framing(answer)  # decides how its body is read; towards the caller its framing is another
        self._caller.keep_alive = kept
        if not self._sieve.whole:
            self._begin(None)
            self.passage.streaming(self._push)
        if self._mode == NOTHING:
            self._keep_upstream = self._keep_upstream and not rest
            self._sift(b"", last=True)
        elif rest:
            self.from_upstream(rest)

    def from_upstream(self, data: bytes) -> None:
        mode = self._mode
        if self._sieve is None or mode == OVER:
            super().from_upstream(data)
            return
        caller = self._caller
        if self.answered:
            caller.deadline = caller.relay.tick + self.idle if self.idle else caller.relay.idle_at
        if mode == CHUNKED:
            self._unchunk(data)
        elif mode == LENGTH:
            left = self._answer_left = self._answer_left - len(data)
            if left < 0:
                self._keep_upstream = False
                data = data[:left]
            self._sift(data, last=left <= 0)
        else:
            self._sift(data, last=False)

    def _unchunk(self, data: bytes) -> None:
        reader: Chunked | None = self._answer_reader
        if reader is None:
            return
        try:
            payload = b"".join(reader.feed(data))
        except ValueError as error:
            self._misread(str(error))
            return
        if reader.done:
            self._keep_upstream = self._keep_upstream and reader.end == len(data)
        self._sift(payload, last=reader.done)

    def _sift(self, payload: bytes, *, last: bool) -> None:
        sieve = self._sieve
        if sieve is None:
            return
        try:
            out = sieve.feed(payload) if payload else b""
            if last:
                out += sieve.end()
        except ValueError as error:
            self._misread(str(error))
            return
        if sieve.whole:
            self._sifted += out
            if last:
                self._begin(len(self._sifted))
                self._caller.write(self._sifted)
        else:
            self._push(out)
            if last and self.head.minor == 1:
                self._caller.write(b"0\r\n\r\n")
        if last:
            self._finish()

    def _begin(self, length: int | None) -> None:
        """Write the answer's head; *length* is its body's, where it is known."""
        caller = self._caller
        self.answered = self._begun = True
        caller.deadline = caller.relay.tick + self.idle if self.idle else caller.relay.idle_at
        if length is not None:
            framing = b"Content-Length: %d\r\n" % length
        elif self.head.minor == 1:
            framing = b"Transfer-Encoding: chunked\r\n"
        else:
            framing, caller.keep_alive = b"", False
        caller.write(self._start + self.passage.mark + framing + self._staying() + b"\r\n")

    def _push(self, data: bytes) -> None:
        if data and self._begun and self._mode != OVER:
            self._caller.write(chunk(data) if self.head.minor == 1 else data)

    def upstream_lost(self, error: Exception | None) -> None:
        if self._sieve is not None and self._mode == UNTIL_CLOSE and error is None:
            self._upstream: Upstream | None = None
            self._sift(b"", last=True)
        else:
            super().upstream_lost(error)

    def _staying(self) -> bytes:
        """What is said of the connection."""
        caller = self._caller
        if caller.relay.draining:
            caller.keep_alive = False
        if not caller.keep_alive:
            return b"Connection: close\r\n"
        return b"Connection: keep-alive\r\n" if self.head.minor == 0 else b""
