"""One request and its answer, streamed between a caller and an upstream.

The request's framing is rebuilt: a length stays a length, chunks are taken apart and made anew, trailers are
filtered. The answer's bytes pass as they came once its head has been read, and are walked only as far as finding
their end needs.
"""

from typing import TYPE_CHECKING, Any

from sidecar.errors import BadRequest, Refusal
from sidecar.relay.answer import Answer
from sidecar.relay.chunked import Chunked, chunk
from sidecar.relay.head import FRAMING, Head, trailers
from sidecar.relay.passage import BODILESS, Outcome, Passage
from sidecar.relay.pool import Upstream

if TYPE_CHECKING:
    from sidecar.relay.connection import Connection

MOST_ANSWER_HEAD = 65536
_MOST_HELD = 65536
_REPEATABLE = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"})
"""Idempotent (RFC 9110, section 9.2.2)."""
_HEAD, LENGTH, CHUNKED, UNTIL_CLOSE, NOTHING, _TUNNEL, OVER = range(7)
_FINAL = 200
DONE = Outcome.DONE


class Exchange:
    """Belongs to a caller's connection from the moment a request is let in until its answer has ended."""

    __slots__ = (
        "_answer_left",
        "_answer_reader",
        "_caller",
        "_held",
        "_keep_upstream",
        "_left",
        "_mode",
        "_pending",
        "_reader",
        "_sent_at_all",
        "_upstream",
        "answered",
        "head",
        "idle",
        "passage",
        "status",
        "wants_body",
    )

    waits = False
    """It has no use for an upstream yet."""

    def __init__(self, caller: "Connection", head: Head[Any], passage: Passage) -> None:
        self._caller = caller
        self.head = head
        self.passage = passage
        self._upstream: Upstream | None = None
        self._left = head.length
        self._reader = Chunked() if head.chunked else None
        self._pending = b""
        self._mode = _HEAD
        self._held = b""
        self._answer_left = 0
        self._answer_reader: Chunked | None = None
        self._keep_upstream = True
        self._sent_at_all = False
        self.answered = False
        """The answer's head has gone to the caller: a refusal can't any more."""
        self.status = 0
        self.idle = 0.0
        """Seconds in which nothing may move, where it has a time limit of its own."""
        self.wants_body = head.length > 0 or head.chunked
        """The caller still owes bytes of this request, or the bytes are a tunnel's."""

    @property
    def repeatable(self) -> bool:
        """Nothing is lost by sending it again on another connection."""
        head = self.head
        return head.method in _REPEATABLE and not head.length and not head.chunked and not head.websocket

    # to the upstream

    def start(self) -> None:
        """Only of one that ``waits``: begin to."""

    def begin(self, upstream: Upstream) -> None:
        """Send the request's head, and what has come of its body."""
        self._upstream = upstream
        upstream.side = self
        head = self.head
        if head.shape.plain:
            framing = b"\r\n"
        elif head.chunked:
            framing = b"Transfer-Encoding: chunked\r\n\r\n"
        elif head.websocket:
            framing = b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        elif head.shape.length >= 0:
            framing = b"Content-Length: %d\r\n\r\n" % head.length
        else:
            framing = b"\r\n"
        if self._pending:
            framing += self._pending
            self._pending = b""
            self._caller.pause(False)  # what was held back for want of an upstream; a full one pauses again
        upstream.transport.write(self.passage.head + framing)

    def from_caller(self, data: bytes) -> bytes:
        """Pass a piece of the request's body on; return what stands behind the request."""
        if self._mode == _TUNNEL:
            self._send(data)
            return b""
        if self._reader is not None:
            return self._chunks(data)
        taken = data if len(data) <= self._left else data[: self._left]
        self._left -= len(taken)
        self.wants_body = self._left > 0
        self._send(taken)
        return data[len(taken) :]

    def _chunks(self, data: bytes) -> bytes:
        reader = self._reader
        if reader is None:
            return data
        try:
            payload = b"".join(reader.feed(data))
            out = chunk(payload) if payload else b""
            if reader.done:
                self._reader = None
                self.wants_body = False
                out += b"0\r\n" + self._trailers(reader.trailers, self._dropped)
        except ValueError as error:
            self._fail(BadRequest(f"the body: {error}"), Outcome.REFUSED)
            return b""
        self._send(out)
        return data[reader.end :] if reader.done else b""

    def _dropped(self, name: bytes) -> bool:
        return name in self.head.nominated or self._caller.relay.door.drops(name)

    @staticmethod
    def _trailers(section: bytes, drops: Any) -> bytes:
        if section == b"\r\n":
            return section
        kept = [line for name, line in trailers(section) if name not in FRAMING and not drops(name)]
        return b"".join([line + b"\r\n" for line in kept]) + b"\r\n"

    def _send(self, data: bytes) -> None:
        if self._upstream is not None:
            self._upstream.transport.write(data)
        elif self._mode == _HEAD:
            self._pending += data
            if len(self._pending) > _MOST_HELD:
                self._caller.pause(True)

    def upstream_full(self, full: bool) -> None:
        self._caller.pause(full)

    def caller_full(self, full: bool) -> None:
        if self._upstream is None:
            return
        if full:
            self._upstream.transport.pause_reading()
        else:
            self._upstream.transport.resume_reading()

    # from the upstream

    def from_upstream(self, data: bytes) -> None:
        caller = self._caller
        mode = self._mode
        if mode == _HEAD:  # a head in drips has no longer than one that comes at once
            self._sent_at_all = True
            self._read_head(data)
            return
        caller.deadline = caller.relay.tick + self.idle if self.idle else caller.relay.idle_at
        if mode == LENGTH:
            self._answer_left -= len(data)
            if self._answer_left > 0:
                caller.write(data)
            else:
                self._end_of_length(data)
        elif mode == CHUNKED:
            self._walk(data)
        elif mode in (UNTIL_CLOSE, _TUNNEL):
            caller.write(data)
        else:  # bytes behind the answer: not the next one's
            self._keep_upstream = False
            self._release()

    def _read_head(self, data: bytes) -> None:
        """Read the answer's head, and the 1xx before it, however many an agent says."""
        if self._held:
            data, self._held = self._held + data, b""
        answers = self.passage.answers or self._caller.relay.answers
        start = 0
        while True:
            end = data.find(b"\r\n\r\n", start) + 4
            if (end if end >= 4 else len(data)) - start > MOST_ANSWER_HEAD:
                self._misread("its head is larger than 64 KiB")
                return
            if end < 4:
                self._held = data[start:]
                return
            try:
                answer = answers.parse(data[start:end])
            except ValueError as error:
                self._misread(str(error))
                return
            if answer.status >= _FINAL or answer.status == 101:
                break
            self._interim(answer)
            start = end
        if answer.status == 101:
            self._switch(answer, data[end:])
        else:
            self._answer(answer, data[end:])

    def _interim(self, answer: Answer) -> None:
        """A 1xx is passed on to callers that know of them (RFC 9110, section 15.2)."""
        if self.head.minor == 1:
            self._caller.write(answer.start + b"\r\n")

    def _switch(self, answer: Answer, rest: bytes) -> None:
        """A 101 only opens what was asked for."""
        if self.head.websocket and answer.upgrade == b"websocket":
            self._open_tunnel(answer, rest)
        else:
            self._misread("it switches to a protocol that was not asked for")

    def _open_tunnel(self, answer: Answer, rest: bytes) -> None:
        upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        self._open(answer.status, answer.start + self.passage.mark + upgrade + rest)

    def _open(self, status: int, said: bytes) -> None:
        """Say so; from now on bytes go both ways, unread."""
        caller = self._caller
        caller.deadline = caller.relay.tick + self.idle if self.idle else caller.relay.idle_at
        self.status, self.answered = status, True
        self._mode = _TUNNEL
        self.wants_body = True
        caller.keep_alive = False
        caller.write(said)
        early = caller.take_held()
        if early:
            self._send(early)

    def _answer(self, answer: Answer, rest: bytes) -> None:
        self.status, self.answered = answer.status, True
        # Who has seen an upgrade may still wait for its first bytes, and read the next request as those.
        self._keep_upstream = answer.keep_alive and not self.head.websocket
        caller = self._caller
        caller.deadline = caller.relay.tick + self.idle if self.idle else caller.relay.idle_at
        framing = self._framing(answer)
        if self.wants_body or caller.relay.draining:
            # an early answer: what is still to come of the request can't be told from a next one
            caller.keep_alive = False
        if not caller.keep_alive:
            framing += b"Connection: close\r\n"
        elif self.head.minor == 0:
            framing += b"Connection: keep-alive\r\n"
        head = answer.start + self.passage.mark + framing + b"\r\n"
        if self._mode == LENGTH and self._answer_left >= len(rest):
            self._answer_left -= len(rest)
            caller.write(head + rest)
            if self._answer_left == 0:
                self._finish()
            return
        caller.write(head)
        if self._mode == NOTHING:
            self._keep_upstream = self._keep_upstream and not rest
            self._finish()
        elif rest:
            self.from_upstream(rest)

    def _framing(self, answer: Answer) -> bytes:
        """Decide how the answer's body is framed, towards us and towards the caller (RFC 9112, section 6.3)."""
        if self.head.method == b"HEAD" or answer.status in BODILESS:
            self._mode = NOTHING
            if answer.status == 204:
                if answer.chunked or answer.length > 0:
                    self._keep_upstream = False  # it says that a body follows which must not be there
                return b""
            return answer.framing
        if answer.chunked:
            self._mode, self._answer_reader = CHUNKED, Chunked()
            if self.head.minor == 1:
                return b"Transfer-Encoding: chunked\r\n"
            self._caller.keep_alive = False
            return b""
        if answer.length >= 0:
            self._mode, self._answer_left = (LENGTH if answer.length else NOTHING), answer.length
            return answer.framing
        self._mode, self._keep_upstream = UNTIL_CLOSE, False
        self._caller.keep_alive = False
        return b""

    def _end_of_length(self, data: bytes) -> None:
        surplus = -self._answer_left
        if surplus:
            self._keep_upstream = False
            data = data[:-surplus]
        self._caller.write(data)
        self._finish()

    def _walk(self, data: bytes) -> None:
        reader, caller, raw = self._answer_reader, self._caller, self.head.minor == 1
        if reader is None:
            return
        try:
            payload = reader.feed(data, take=not raw)
            tail = self._trailers(reader.trailers, caller.relay.answers.drops) if reader.done else b""
        except ValueError as error:
            pool = self.passage.pool
            self._fail(pool.unreachable(f"{pool.who}'s answer: {error}"), Outcome.AGENT_GONE)
            return
        out = data[: reader.body_end] if raw else b"".join(payload)
        caller.write(out + tail if raw else out)
        if reader.done:
            self._keep_upstream = self._keep_upstream and reader.end == len(data)
            self._finish()

    # ends

    def _finish(self) -> None:
        """The answer is complete."""
        self._mode = OVER
        if self.wants_body:
            self._keep_upstream = False
        self._release()
        self._caller.finished(self, DONE)

    def _release(self) -> None:
        upstream, self._upstream = self._upstream, None
        if upstream is None:
            return
        if self._keep_upstream:
            self.passage.pool.give_back(upstream, self.passage.owner)
        else:
            upstream.drop()

    def upstream_lost(self, error: Exception | None) -> None:
        upstream, self._upstream = self._upstream, None
        if self._mode == UNTIL_CLOSE and error is None:
            self._mode = OVER
            self._caller.finished(self, Outcome.DONE)
        elif self._mode == _TUNNEL:
            self._mode = OVER
            self.wants_body = False
            self._caller.finished(self, Outcome.DONE if error is None else Outcome.AGENT_GONE)
        elif upstream is not None and upstream.reused and not self._sent_at_all and self.repeatable:
            self._caller.relay.dial(self._caller, self)  # the agent closed a kept connection as we took it
        else:
            pool = self.passage.pool
            gone = pool.unreachable(f"{pool.who} closed the connection before its answer was complete")
            self._fail(gone, Outcome.AGENT_GONE)

    def _misread(self, why: str) -> None:
        pool = self.passage.pool
        whose = pool.who[0].upper() + pool.who[1:]
        mend = f"{whose}'s answer is not HTTP/1.1 that can be read in one way; its log tells what it sent."
        self._fail(pool.unreachable(f"{pool.who}'s answer can't be passed on: {why}", mend=mend), Outcome.AGENT_GONE)

    def _fail(self, refusal: Refusal, outcome: Outcome) -> None:
        self.stop()
        self._caller.failed(self, refusal, outcome)

    def abort(self) -> None:
        """Cancel the upstream's part, with all that it hasn't taken yet: a tunnel's last bytes, too."""
        if self._mode == _TUNNEL:
            self._mode, self.wants_body = OVER, False
        self.stop()

    def stop(self) -> None:
        """Cancel the upstream's part at once; a tunnel is closed behind its last bytes."""
        tunnel = self._mode == _TUNNEL
        self._mode = OVER
        if tunnel:
            self.wants_body = False
        upstream, self._upstream = self._upstream, None
        if upstream is None:
            return
        if tunnel:
            upstream.side = None
            upstream.transport.close()
        else:
            upstream.drop()
