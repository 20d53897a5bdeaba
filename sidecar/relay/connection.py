"""A caller's connection: reads heads, asks the door, hands over to an exchange, answers refusals."""

import asyncio
import logging
import re
import socket
import struct
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, cast

from sidecar.errors import BadRequest, HeadTooLarge, Internal, Refusal, Timeout
from sidecar.relay.exchange import Exchange
from sidecar.relay.head import Head, Shapes
from sidecar.relay.interception import intercept
from sidecar.relay.passage import Opening, Outcome, Passage, Peer, Tunnel, Way
from sidecar.relay.pool import HIGH_WATER
from sidecar.relay.refusal import respond
from sidecar.relay.ways import WAYS

if TYPE_CHECKING:
    from sidecar.relay.relay import Relay

log = logging.getLogger(__name__)

_DONE = Outcome.DONE
_STREAMED = Way.STREAMED

_IRREGULAR = re.compile(rb"\x00|(?<!\r)\n|\r(?!\n|\Z)|\A\r")
"""What nothing that follows can mend, so that it is refused before the head is whole: NUL, bare CR or LF, no line."""
_END = b"\r\n\r\n"
_MOST_PIPELINED = 65536
_UNFINISHED = "The body stopped coming before it was whole: send it without a pause, or raise the listener's timeouts."
_LINGER_SECONDS = 2.0
_RESET = struct.pack("ii", 1, 0)
"""``SO_LINGER`` on, for no time: the kernel ends the connection with a reset."""


class Connection(asyncio.Protocol):
    """One caller's TCP (or unix) connection; one request at a time, pipelined ones in order."""

    __slots__ = (
        "_again",
        "_alone",
        "_buffer",
        "_full",
        "_patience",
        "_paused",
        "_postponed",
        "_shapes",
        "_tunnel",
        "_turning",
        "_waiting",
        "before",
        "deadline",
        "exchange",
        "idle",
        "keep_alive",
        "lingering",
        "peer",
        "relay",
        "served",
        "transport",
    )

    transport: asyncio.Transport
    peer: Peer

    def __init__(self, relay: "Relay", tunnel: Tunnel | None = None) -> None:
        """*tunnel*: what the door said with the opening that this connection is the inside of."""
        self.relay = relay
        self._tunnel = tunnel
        self.exchange: Exchange | None = None
        self.keep_alive = True
        self.idle = True
        """Between requests, with nothing of the next one here."""
        self.served = False
        """A request has been answered on it."""
        self.lingering = False
        """All is said; what still comes is thrown away, so that the answer isn't lost to a reset (RFC 9112, section
        9.6)."""
        self.deadline = 0.0
        self.before: Head[Any] | None = None
        """The last head that was let in, while the next one may soon come: it holds a token, so never for long."""
        self._shapes: Shapes[Any] | None = None
        """By which ``before`` was read: another door has others, and reads it otherwise."""
        self._buffer = b""
        self._waiting: asyncio.Task[None] | None = None
        self._paused = False
        self._full = False
        """More has been written than the caller has taken so far."""
        self._postponed = False
        """The next request waits until the caller takes the answers that it has."""
        self._turning = self._again = False
        self._alone = False
        """The last request had no body: the next one's head, too, may well be all that comes at once."""
        self._patience = 0.0
        """Until when one that lingers may take what is unsent."""

    # asyncio's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(HIGH_WATER)
        name = transport.get_extra_info("peername")
        address = name[0] if isinstance(name, tuple) else ""
        tls = transport.get_extra_info("sslcontext") is not None
        self.peer = Peer(address, tls=tls, connection=self, tunnel=self._tunnel)
        self.deadline = self.relay.tick + self.relay.timeouts.head
        if self._tunnel is not None:
            self._tunnel.opened(self)
        self.relay.opened(self)

    def data_received(self, data: bytes) -> None:
        exchange = self.exchange
        if exchange is not None:
            if exchange.wants_body:
                data = exchange.from_caller(data)
                if self.exchange is exchange:
                    self.deadline = self._patience_with(exchange)
                elif data:
                    self._behind(data)
                    return
            if data:
                self._hold(data)
        elif self.lingering:
            return
        elif self._waiting is not None or self._postponed:
            self._hold(data)
        else:
            self._read(data)

    def _patience_with(self, exchange: Exchange) -> float:
        """Until when *exchange* may stand still."""
        own = exchange.passage.timeouts
        times, now = own or self.relay.timeouts, self.relay.tick if own is None else self.relay.heed(own)
        if exchange.answered:
            return now + times.idle
        return now + (min(times.first_byte, times.idle) if exchange.wants_body else times.first_byte)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self.relay.closed(self)
        self._buffer = b""
        self.before = None
        if self._tunnel is not None:
            self._tunnel.closed(self)
        if self._waiting is not None:
            self._waiting.cancel()
        exchange = self.exchange
        if exchange is not None:
            exchange.stop()
            self._ended(exchange, Outcome.CALLER_GONE)

    def pause_writing(self) -> None:
        self._full = True
        if self.exchange is not None:
            self.exchange.caller_full(True)

    def resume_writing(self) -> None:
        self._full = False
        if self.exchange is not None:
            self.exchange.caller_full(False)
        elif self._postponed:
            self._postponed = False
            self._next()

    # what an exchange asks for

    def write(self, data: bytes) -> None:
        self.transport.write(data)

    def pause(self, full: bool) -> None:
        if full and not self._paused:
            self._paused = True
            self.transport.pause_reading()
        elif not full and self._paused:
            self._paused = False
            self.transport.resume_reading()

    def finished(self, exchange: Exchange, outcome: Outcome) -> None:
        """The answer has been written whole."""
        body_open = exchange.wants_body
        self._ended(exchange, outcome)
        if outcome is not _DONE:
            self._reset()
        elif body_open:
            self._linger()
        elif not self.keep_alive or self.relay.draining:
            self.transport.close()
        else:
            self._next()

    def failed(self, exchange: Exchange, refusal: Refusal, outcome: Outcome) -> None:
        """There will be no (more of an) answer."""
        answered, body_open = exchange.answered, exchange.wants_body
        self._ended(exchange, outcome)
        if answered:
            self._reset()
        else:
            self.refuse(refusal, exchange.head, body_open=body_open)

    def _ended(self, exchange: Exchange, outcome: Outcome) -> None:
        self.exchange = None
        self.served = True
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        self.relay.done(outcome, exchange.status)
        exchange.passage.ended(outcome, exchange.status)

    # requests

    def _hold(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > _MOST_PIPELINED:
            self.pause(True)

    def take_held(self) -> bytes:
        self.pause(False)
        data, self._buffer = self._buffer, b""
        return data

    def _next(self) -> None:
        """Go on to the next request, once there is room for its answer."""
        self.deadline = self.relay.idle_at
        if self._full:
            self._postponed = True
            self.pause(True)
            return
        if self._paused:
            self.pause(False)
        self.idle = not self._buffer
        if not self._buffer:
            return
        self._again = True
        if not self._turning:
            self._turn()

    def _turn(self) -> None:
        """Read requests that are here already, each after the other and not each from within the last one."""
        self._turning = True
        try:
            while self._again:
                self._again = False
                data, self._buffer = self._buffer, b""
                self._read(data)
        finally:
            self._turning = False

    def _read(self, data: bytes) -> None:
        """Read a head from what has come since the last request."""
        if self._alone and not self._buffer and data.endswith(_END) and len(data) <= self.relay.limits.head:
            self._request(data)  # its end needn't be looked for: nothing that has two is read as a head
            return
        if self._buffer:
            start = max(0, len(self._buffer) - 3)
            data = self._buffer + data
        else:
            start = 0
        end = data.find(b"\r\n\r\n", start) + 4
        relay = self.relay
        limit = relay.limits.head
        if end > limit or (end < 4 and len(data) > limit):
            self._buffer = b""
            key = relay.limits.key
            self.refuse(HeadTooLarge.of(limit, f"{key}.head" if key else ""), None, close=True)
        elif end < 4:
            self._incomplete(data, start)
        else:
            self._buffer = data[end:] if end != len(data) else b""
            self._request(data[:end] if end != len(data) else data)

    def _incomplete(self, data: bytes, start: int) -> None:
        if _IRREGULAR.search(data, start):  # what stands before was looked at when it came
            self._buffer = b""
            self.refuse(BadRequest("a NUL, a bare CR or LF, or an empty line before the request"), None, close=True)
            return
        if self.idle or not self._buffer:
            self.idle = False
            self.deadline = self.relay.tick + self.relay.timeouts.head
        self._buffer = data

    def _request(self, data: bytes) -> None:
        relay = self.relay
        self.idle = False
        head: Head[Any] | None = None
        try:
            shapes = relay.door.shapes
            if self._shapes is not shapes:
                self.before, self._shapes = None, shapes
            head = relay.read(data, shapes, self.before)
            self.keep_alive = head.keep_alive and not relay.draining
            if relay.requests >= relay.limits.requests:
                relay.overloaded()
            passage = relay.door.admit(head, self.peer)
        except BadRequest as refusal:
            self._unreadable(data, refusal, head)
        except Refusal as refusal:
            self.refuse(refusal, head, body_open=head is not None and (head.length > 0 or head.chunked))
        except Exception:  # noqa: BLE001 - a bug becomes a 500, never a connection that says nothing
            self._bug(head)
        else:
            if isinstance(passage, Passage):
                self._begin(head, passage)
            else:
                self._wait(head, passage)

    def _unreadable(self, data: bytes, refusal: BadRequest, head: Head[Any] | None) -> None:
        """Refuse *data*, unless there is more in it than one head: then the first is read by itself."""
        end = data.find(_END) + len(_END)
        if head is None and end != len(data):
            self._alone = False
            self._buffer = data[end:]
            self._request(data[:end])
        else:
            self.refuse(refusal, head, close=True)

    def _wait(self, head: Head[Any], answer: Opening | Awaitable[Passage | Opening]) -> None:
        """Go on where the door had no passage to give at once."""
        if isinstance(answer, Opening):
            self._open(head, answer)
        else:
            self.deadline = self.relay.moment + self.relay.timeouts.first_byte
            self._waiting = self.relay.admit(self._admit(head, answer))

    async def _admit(self, head: Head[Any], wait: Awaitable[Passage | Opening]) -> None:
        """Wait for a door that has to ask someone first."""
        body_open = head.length > 0 or head.chunked
        try:
            passage = await wait
        except Refusal as refusal:
            self._waiting = None
            self.refuse(refusal, head, body_open=body_open)
        except Exception:  # noqa: BLE001 - as in _request
            self._waiting = None
            self._bug(head)
        else:
            self._waiting = None
            if isinstance(passage, Opening):
                self._open(head, passage)
            elif self.transport.is_closing():
                passage.ended(Outcome.CALLER_GONE, 0)
            else:
                self._begin(head, passage)

    def _open(self, head: Head[Any], opening: Opening) -> None:
        """Let the connection go on as a tunnel's inside."""
        if self._buffer:  # it can't know yet that there is a tunnel
            self.refuse(BadRequest("bytes behind a CONNECT that wasn't answered yet"), head, close=True)
            return
        self.lingering = True  # in its old form it takes nothing any more
        self.deadline = self.relay.tick + self.relay.timeouts.head
        self.relay.spawn(intercept(self, opening))

    def _begin(self, head: Head[Any], passage: Passage) -> None:
        exchange: Exchange = (Exchange if passage.way is _STREAMED else WAYS[passage.way])(self, head, passage)
        self.exchange = exchange
        self.before = head
        self._alone = head.shape.plain and not self._buffer
        relay = self.relay
        if self._paused:
            self.pause(False)
        relay.requests += 1
        times = passage.timeouts
        if times is None:
            self.deadline = relay.tick + relay.timeouts.first_byte
        else:
            self.deadline, exchange.idle = relay.heed(times) + times.first_byte, times.idle
        waits = exchange.waits
        if waits:
            exchange.start()
        if exchange.wants_body and self.exchange is exchange:
            self._feed(exchange)
        if not waits and self.exchange is exchange:  # else it asks for itself, or has
            self.reach(exchange)

    def _feed(self, exchange: Exchange) -> None:
        """Hand over what of the body came with the head."""
        if self._buffer:
            data, self._buffer = self._buffer, b""
            data = exchange.from_caller(data)
            if self.exchange is not exchange:
                self._behind(data)
                return
            self._buffer = data
        self.deadline = self._patience_with(exchange)

    def _behind(self, data: bytes) -> None:
        """Go on with what came behind a request that was answered as soon as it was whole."""
        if data and not (self.lingering or self.transport.is_closing()):
            self._buffer = data
            self._next()

    def reach(self, exchange: Exchange) -> None:
        """Get *exchange* a connection to its upstream."""
        upstream = exchange.passage.pool.take(exchange.passage.owner, fresh=not exchange.repeatable)
        if upstream is None:
            self.relay.dial(self, exchange)
        else:
            exchange.begin(upstream)

    def dialling(self, task: asyncio.Task[None] | None) -> None:
        self._waiting = task
        if task is None and self._paused:
            self.pause(False)

    # refusals

    def _bug(self, head: Head[Any] | None) -> None:
        log.exception("a request failed inside the sidecar")  # noqa: LOG004 - called by the handlers
        self.refuse(Internal(), head, close=True)

    def refuse(self, refusal: Refusal, head: Head[Any] | None, *, close: bool = False, body_open: bool = False) -> None:
        """Answer *refusal*; the connection ends with it where it can't be told what is a next request."""
        relay = self.relay
        notice = relay.door.refused(refusal, head, self.peer)
        relay.refused(refusal)
        unframed = head is None or head.minor == 0 or isinstance(refusal, BadRequest)
        close = close or unframed or body_open or refusal.closes or not self.keep_alive
        bodiless = head is not None and head.method == b"HEAD"
        self.transport.write(respond(refusal, notice, close=close, bodiless=bodiless))
        if close:
            self._linger()
        else:
            self._next()

    def _linger(self) -> None:
        self.lingering = True
        self._buffer = b""
        self.pause(False)
        self.deadline = self.relay.tick + _LINGER_SECONDS
        self._patience = self.relay.tick + self.relay.timeouts.idle
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()

    def expire(self) -> None:
        """The deadline has passed."""
        exchange = self.exchange
        if exchange is None:
            self._expire_between()
            return
        times = exchange.passage.timeouts or self.relay.timeouts
        late = exchange.passage.pool.late
        if exchange.wants_body and not exchange.answered:
            refusal = late("the rest of the request's body didn't come", mend=_UNFINISHED)
        else:
            refusal = late(f"nothing came for {times.idle if exchange.answered else times.first_byte:g} s")
        exchange.stop()
        self.failed(exchange, refusal, Outcome.TIMED_OUT)

    def _expire_between(self) -> None:
        """The deadline has passed while there was no exchange."""
        unsent = self.transport.get_write_buffer_size() > 0
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
            self.refuse(Timeout("the door took too long"), None, close=True)
        elif self.lingering and unsent and self.relay.tick < self._patience:
            self.deadline = self.relay.tick + _LINGER_SECONDS  # a slow reader still takes its answer
        elif unsent:
            self._reset()
        elif self.lingering or self.transport.is_closing():
            self.transport.abort()
        elif self.idle:
            self.transport.close()
        else:
            self.refuse(BadRequest(f"no whole head within {self.relay.timeouts.head:g} s"), None, close=True)

    def stop(self) -> None:
        """End it now, with whatever it carries."""
        exchange = self.exchange
        if exchange is not None:
            exchange.abort()
            self._ended(exchange, Outcome.STOPPED)
        if exchange is not None or self.transport.get_write_buffer_size():
            self._reset()
        else:
            self.transport.abort()

    def _reset(self) -> None:
        """End it so that what came can't be taken for the whole, not even where its end is that of the connection."""
        ours = self.transport.get_extra_info("socket")
        if ours is not None:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()
