"""Response heads: what is taken for an answer, which of its lines are passed on, and how its body is framed."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sidecar.relay.head import FIELDS, HOP_BY_HOP, LENGTH, Shapes

_RESPONSE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*+))?\r\n" + FIELDS + rb"\r\n")
_COOKIE = re.compile(rb"\r\nset-cookie", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class AnswerShape:
    """What a response head's field names say on their own."""

    kept: tuple[int, ...]
    all_kept: bool
    length: tuple[int, ...]
    repeats_length: bool
    coding: tuple[int, ...]
    connection: tuple[int, ...]
    upgrade: tuple[int, ...]


class Answer:
    """One response head: which lines are passed on, and how its body is framed."""

    __slots__ = ("chunked", "framing", "keep_alive", "length", "lines", "reason", "start", "status", "upgrade")

    status: int
    reason: bytes
    lines: Sequence[bytes]
    """Header lines to pass on, without CRLF, framing and hop-by-hop fields."""
    length: int
    """The body's bytes by Content-Length, -1 without one."""
    chunked: bool
    keep_alive: bool
    upgrade: bytes
    """Upgrade's value, lower-case, where Connection names it."""
    framing: bytes
    """``Content-Length`` as it goes on, with its CRLF; empty without one."""
    start: bytes
    """The head as it goes on, up to what is added: status line and lines, each with its CRLF."""


def _values(lines: list[bytes], indices: tuple[int, ...]) -> list[bytes]:
    return [lines[index].partition(b":")[2].strip(b" \t") for index in indices]


class Answers:
    """Reads response heads; *drops* says which lower-case names never reach the caller.

    An agent's short answers often have the very same head, for as long as their Date does: what it was read as is
    remembered for a few of them, but not of those that set cookies.
    """

    __slots__ = ("_kept", "_seen", "drops")

    MOST = 256
    MOST_SEEN, LONGEST_SEEN = 64, 512

    def __init__(self, drops: Callable[[bytes], bool]) -> None:
        self.drops = drops
        self._kept: dict[tuple[bytes, ...], AnswerShape] = {}
        self._seen: dict[bytes, Answer] = {}

    def parse(self, data: bytes) -> Answer:
        """Read one response head, its empty line included. Raise ``ValueError`` where it can be read in two ways or
        not at all."""
        known = self._seen.get(data)
        if known is not None:
            return known
        answer = self._parse(data)
        if len(data) <= self.LONGEST_SEEN and not _COOKIE.search(data):
            if len(self._seen) >= self.MOST_SEEN:
                self._seen.clear()
            self._seen[data] = answer
        return answer

    def _parse(self, data: bytes) -> Answer:
        match = _RESPONSE.fullmatch(data)
        if match is None:
            raise ValueError("the response head is not well-formed HTTP/1.x")
        minor, status, reason, fields = match.groups()
        lines = fields.splitlines()
        names = tuple([line.partition(b":")[0] for line in lines])
        known = self._kept.get(names) or self._shape(names)
        answer = Answer()
        answer.status = int(status)
        answer.reason = reason or b""
        answer.lines = lines if known.all_kept else [lines[index] for index in known.kept]
        answer.length, answer.chunked, answer.framing = -1, False, b""
        answer.keep_alive, answer.upgrade = minor == b"1", b""
        if known.coding:
            coding = _values(lines, known.coding)
            if known.length or minor == b"0" or len(coding) > 1 or coding[0].lower() != b"chunked":
                raise ValueError("the response's framing can be read in two ways")
            answer.chunked = True
        elif known.length:
            length = lines[known.length[0]].partition(b":")[2].strip(b" \t")
            if not LENGTH.fullmatch(length) or (known.repeats_length and len(set(_values(lines, known.length))) > 1):
                raise ValueError("the response's Content-Length can be read in two ways")
            answer.length = int(length)
            answer.framing = b"Content-Length: %d\r\n" % answer.length
        if known.connection:
            self._connection(answer, known, lines)
        said = b"".join([line + b"\r\n" for line in answer.lines])
        answer.start = b"HTTP/1.1 %b %b\r\n%b" % (status, answer.reason, said)
        return answer

    @staticmethod
    def _connection(answer: Answer, known: AnswerShape, lines: list[bytes]) -> None:
        options = {part.strip(b" \t") for part in b",".join(_values(lines, known.connection)).lower().split(b",")}
        answer.keep_alive = b"close" not in options and (answer.keep_alive or b"keep-alive" in options)
        if b"upgrade" in options:
            answer.upgrade = b",".join(_values(lines, known.upgrade)).lower()
        if options - {b"close", b"keep-alive", b"upgrade", b""}:
            answer.lines = [line for line in answer.lines if line.partition(b":")[0].lower() not in options]

    def _shape(self, names: tuple[bytes, ...]) -> AnswerShape:
        lower = [name.lower() for name in names]

        def at(wanted: bytes) -> tuple[int, ...]:
            return tuple(index for index, name in enumerate(lower) if name == wanted)

        kept = tuple(
            index
            for index, name in enumerate(lower)
            if name not in HOP_BY_HOP and name != b"content-length" and not self.drops(name)
        )
        made = AnswerShape(
            kept=kept,
            all_kept=len(kept) == len(names),
            length=at(b"content-length"),
            repeats_length=len(at(b"content-length")) > 1,
            coding=at(b"transfer-encoding"),
            connection=at(b"connection"),
            upgrade=at(b"upgrade"),
        )
        if len(self._kept) >= self.MOST:
            self._kept.clear()
        if sum(map(len, names)) <= Shapes.MOST_NAMES:
            self._kept[names] = made
        return made
