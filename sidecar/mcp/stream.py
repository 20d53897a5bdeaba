"""An answer's body, message by message: one JSON text, or events (HTML, "Server-sent events"). Pure.

Events are told apart as that specification says, and go on in whole ones only, so that something can be put between
any two. What isn't rewritten goes on as it came.
"""

from collections.abc import Callable

Sift = Callable[[bytes], bytes | None]
"""Gives what goes on in the place of a message, ``None`` for the message itself. Raise ``ValueError``: nothing does."""

MOST = 16 << 20
"""The largest message that is held, in bytes."""
_BOM = b"\xef\xbb\xbf"


class Text:
    """One JSON text."""

    whole = True

    def __init__(self, sift: Sift) -> None:
        self._sift = sift
        self._held = bytearray()

    def feed(self, data: bytes) -> bytes:
        self._held += data
        if len(self._held) > MOST:
            raise ValueError("a message that is larger than is held")
        return b""

    def end(self) -> bytes:
        data = bytes(self._held)
        said = self._sift(data) if data else None
        return data if said is None else said


class Events:
    """A stream of events."""

    whole = False

    def __init__(self, sift: Sift) -> None:
        self._sift = sift
        self._begun = False
        self._rest = bytearray()
        """A line that has no end yet."""
        self._lines: list[bytes] = []
        """Those of an event that has no end yet, with their ends."""
        self._size = 0
        """Of both, in bytes."""
        self._returned = False
        """The last line's end was CR, and LF may belong to it."""

    def feed(self, data: bytes) -> bytes:
        if not self._begun:
            data = self._begin(data)
        if not data:
            return b""
        out: list[bytes] = []
        if self._returned:
            self._returned = False
            if data.startswith(b"\n"):
                data = data[1:]
                if self._lines:
                    self._lines[-1] += b"\n"
                else:
                    out.append(b"\n")
        self._size += len(data)
        if b"\n" in data or b"\r" in data:
            out += self._fed(bytes(self._rest) + data)
        else:
            self._rest += data
        if self._size > MOST:
            raise ValueError("an event that is larger than is held")
        return b"".join(out)

    def _begin(self, data: bytes) -> bytes:
        """A byte order mark at the beginning isn't part of the first line."""
        data = bytes(self._rest) + data
        self._rest.clear()
        if len(data) < len(_BOM) and _BOM.startswith(data):
            self._rest += data
            return b""
        self._begun = True
        return data.removeprefix(_BOM)

    def _fed(self, text: bytes) -> list[bytes]:
        lines = text.splitlines(keepends=True)
        self._returned = text.endswith(b"\r")
        self._rest = bytearray() if text.endswith((b"\r", b"\n")) else bytearray(lines.pop())
        out = [self._line(line) for line in lines]
        self._size = sum(map(len, self._lines)) + len(self._rest)
        return out

    def _line(self, line: bytes) -> bytes:
        if line in (b"\r\n", b"\n", b"\r"):
            return self._event() + line
        if not self._lines and line.startswith(b":"):
            return line  # a comment, by which a server shows that it is alive
        self._lines.append(line)
        return b""

    def _event(self) -> bytes:
        """What goes on in its place, up to the empty line."""
        lines, self._lines = self._lines, []
        data = [_data(line) for line in lines]
        text = b"\n".join([each for each in data if each is not None])
        said = self._sift(text) if text else None
        if said is None:
            return b"".join(lines)
        said = b"data: " + said.replace(b"\n", b"\ndata: ")
        rest = [line.rstrip(b"\r\n") for line, each in zip(lines, data, strict=True) if each is None]
        return b"".join([line + b"\n" for line in (*rest, said)])

    def end(self) -> bytes:
        """What never ended goes on as far as it may: clients differ in what they make of it."""
        if self._rest:
            self._lines.append(bytes(self._rest))
            self._rest.clear()
        return self._event()


def _data(line: bytes) -> bytes | None:
    """What the line says of the event's data; ``None``: nothing."""
    if line.startswith(b"data:"):
        end = len(line) - (2 if line.endswith(b"\r\n") else 1 if line.endswith((b"\n", b"\r")) else 0)
        return line[6 if line.startswith(b"data: ") else 5 : end]
    return b"" if line.rstrip(b"\r\n") == b"data" else None
