"""Chunked bodies (RFC 9112, section 7.1), read strictly and in pieces as they come.

    chunked-body = *( chunk-size [ ext ] CRLF data CRLF ) "0" [ ext ] CRLF trailer-section CRLF

A size is 1 to 15 hexadecimal digits; extensions are bounded and belong to one connection, so they are dropped; lines
end in CRLF and nothing else. A reader either takes the payload out (requests: framing is rebuilt) or only finds the
end (responses: bytes pass raw).
"""

import re
from enum import Enum, auto

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[\t ]*;[\t\x20-\x7e\x80-\xff]*)?\r\n")
_MOST_LINE = 512
MOST_TRAILERS = 8192
"""Of the fields of a trailer section, in bytes; the empty line is not counted."""


class ChunkedInvalid(ValueError):
    """The bytes are not a chunked body."""


class _State(Enum):
    SIZE = auto()
    DATA = auto()
    DATA_END = auto()
    TRAILERS = auto()
    DONE = auto()


_PLAIN_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})\r\n")
_SIZE_NEXT = _State.SIZE


class Chunked:
    """Reads one chunked body from consecutive pieces."""

    __slots__ = ("_held", "_left", "_state", "body_end", "end", "trailers")

    def __init__(self) -> None:
        self._state = _State.SIZE
        self._held = b""
        self._left = 0
        self.trailers = b""
        """The trailer section with its empty line, once ``done``."""
        self.body_end = 0
        """In the piece fed last: where the last chunk's size line ended, or the piece's length."""
        self.end = 0
        """In the piece fed last: where the body ended; what follows is another message's."""

    @property
    def done(self) -> bool:
        return self._state is _State.DONE

    def feed(self, data: bytes, *, take: bool = True) -> list[bytes]:
        """Take the payload out of *data*, or only walk past it. Raise ``ChunkedInvalid``; after ``done``, nothing may
        be fed."""
        payload: list[bytes] = []
        position, size = 0, len(data)
        if not take and self._state is _SIZE_NEXT and not self._held:
            # A stream's event is most often one chunk, and comes in one piece.
            whole = _PLAIN_SIZE.match(data)
            length = int(whole[1], 16) if whole is not None else 0
            if whole is not None and length and whole.end() + length + 2 == size and data.endswith(b"\r\n"):
                self.body_end = self.end = size
                return payload
        self.body_end = size if self._state is not _State.TRAILERS else 0
        while position < size and self._state is not _State.DONE:
            if self._state is _State.DATA:
                taken = min(self._left, size - position)
                if take:
                    payload.append(data[position : position + taken])
                self._left -= taken
                position += taken
                if self._left == 0:
                    self._state = _State.DATA_END
            elif self._state is _State.TRAILERS:
                position = self._trailer_section(data, position)
            else:
                position = self._line(data, position)
        self.end = position
        return payload

    def _line(self, data: bytes, position: int) -> int:
        """The CRLF behind a chunk's data, or a size line."""
        newline = data.find(b"\n", position)
        stop = len(data) if newline < 0 else newline + 1
        line = self._held + data[position:stop]
        if newline < 0:
            if len(line) > _MOST_LINE or (self._state is _State.DATA_END and line != b"\r"):
                raise ChunkedInvalid("a chunk's line is too long or ends wrongly")
            self._held = line
            return stop
        self._held = b""
        if self._state is _State.DATA_END:
            if line != b"\r\n":
                raise ChunkedInvalid("a chunk is longer or shorter than its size")
            self._state = _State.SIZE
            return stop
        match = _SIZE.fullmatch(line)
        if match is None or len(line) > _MOST_LINE:
            raise ChunkedInvalid("a chunk's size line is not well-formed")
        self._left = int(match[1], 16)
        if self._left:
            self._state = _State.DATA
        else:
            self._state = _State.TRAILERS
            self.body_end = stop
        return stop

    def _trailer_section(self, data: bytes, position: int) -> int:
        held = len(self._held)
        section = self._held + data[position : position + MOST_TRAILERS + 4 - held]
        if section.startswith(b"\r\n"):
            stop = 2
        else:
            found = section.find(b"\r\n\r\n")
            stop = found + 4 if found >= 0 else -1
        if stop < 0:
            if len(section) == MOST_TRAILERS + 4:
                raise ChunkedInvalid("the trailer section is too long")
            self._held = section
            return len(data)
        self.trailers = section[:stop]
        self._held = b""
        self._state = _State.DONE
        return position + stop - held


def chunk(payload: bytes) -> bytes:
    """One chunk, framed."""
    return b"%x\r\n%b\r\n" % (len(payload), payload)
