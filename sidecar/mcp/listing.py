"""What of an answer's lists may be seen. Pure.

An answer is read only as far as deciding needs: the elements of a list that may be seen are cut out of the text as
they came, and around the lists it stays as it was. That takes half as long as to write it anew, and order, cursors and
schemas can't but be what the server said.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from sidecar.mcp.message import NAME
from sidecar.mcp.methods import LISTS

_SCAN: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder().scan_once  # type: ignore[attr-defined]  # typeshed's decoder has none
_SPACE = re.compile(r"[ \t\n\r]*").match
_MAYBE = re.compile(rb'"(?:%b)"|\\u' % "|".join(sorted(LISTS)).encode()).search
"""A list's name, or an escape that may hide one. In a string, the quotation marks would be escaped."""
_TOOLS, _SCOPE, _PRIVATE = "tools", "cacheScope", '"private"'

_Cut = tuple[int, int, str]
"""A part of the text, and what stands in its place."""


class Viewer(Protocol):
    """Whom an answer is for."""

    def tools(self, names: Sequence[str]) -> Sequence[bool]:
        """Whether each of them may be seen."""

    def others(self) -> bool:
        """Whether prompts and resources may."""

    def listed(self, names: Sequence[str], shown: int, hidden: int) -> None:
        """Told of each list of tools before it goes on, and of how many it shows. Raise ``ValueError``: it mustn't."""


def sifted(data: bytes, viewer: Viewer, *, due: bool) -> bytes | None:
    """What goes on in the place of the message *data*; ``None``: it goes on as it is.

    *due*: a list was asked for. Raise ``ValueError`` for what can't be read, where a list is due or may be in it.
    """
    if not due and _MAYBE(data) is None:
        return None
    text = data.decode()
    try:
        cuts = _message(_Reader(text), viewer, due)
    except (IndexError, RecursionError) as error:
        raise ValueError("an answer that isn't JSON") from error
    if not cuts:
        return None
    parts: list[str] = []
    at = 0
    for begin, end, said in sorted(cuts):
        parts += text[at:begin], said
        at = end
    return "".join([*parts, text[at:]]).encode()


def _message(reader: "_Reader", viewer: Viewer, due: bool) -> list[_Cut]:
    if reader.next != "{":
        raise ValueError("an answer that isn't one message")
    cuts: list[_Cut] = []
    for name in reader.members():
        if name == "result" and reader.next == "{":
            cuts = _result(reader, viewer, due)
        else:
            reader.value()
    if reader.at != len(reader.text):
        raise ValueError("an answer with something behind it")
    return cuts


def _result(reader: "_Reader", viewer: Viewer, due: bool) -> list[_Cut]:
    cuts: list[_Cut] = []
    scope: _Cut | None = None
    for name in reader.members():
        begin = reader.at
        if name not in LISTS:
            reader.value()
            if name == _SCOPE:
                scope = (begin, reader.end, _PRIVATE)
        elif reader.next == "[":
            said = _tools(reader, viewer) if name == _TOOLS else _others(reader, viewer)
            cuts.append((begin, reader.end, said))
        elif due:
            raise ValueError("an answer whose list is none")
        else:
            reader.value()
    if cuts:
        last = reader.end - 1
        # A cache that another principal shares must not have it (2026-07-28, "Caching").
        cuts.append(scope or (last, last, f',"{_SCOPE}":{_PRIVATE}'))
    return cuts


def _tools(reader: "_Reader", viewer: Viewer) -> str:
    """The list that may be seen. What has no name that could be called is hidden."""
    spans: list[tuple[int, int]] = []
    names: list[str] = []
    unnamed = 0
    for begin, end, tool in reader.elements():
        name = tool.get("name") if isinstance(tool, dict) else None
        if isinstance(name, str) and NAME(name):
            spans.append((begin, end))
            names.append(name)
        else:
            unnamed += 1
    seen = viewer.tools(names)
    shown = [reader.text[begin:end] for (begin, end), may in zip(spans, seen, strict=True) if may]
    viewer.listed(names, len(shown), len(names) - len(shown) + unnamed)
    return f"[{','.join(shown)}]"


def _others(reader: "_Reader", viewer: Viewer) -> str:
    begin = reader.at
    reader.value()
    return reader.text[begin : reader.end] if viewer.others() else "[]"


def _scan(text: str, at: int) -> tuple[Any, int]:
    """The value that begins at *at*, and where it ends."""
    try:
        return _SCAN(text, at)
    except StopIteration as error:  # where nothing begins that JSON has
        raise ValueError("an answer that isn't JSON") from error


class _Reader:
    """Walks through JSON. It raises ``ValueError`` or ``IndexError`` for what is none."""

    __slots__ = ("at", "end", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.end = 0
        """Behind the last value or bracket."""
        self.at = self._behind(0)
        """Where the next begins."""

    def _behind(self, end: int) -> int:
        """Where something begins again."""
        self.end = end
        text = self.text
        if end < len(text) and text[end] not in " \t\n\r":
            return end
        found = _SPACE(text, end)
        return found.end() if found is not None else end

    @property
    def next(self) -> str:
        return self.text[self.at]

    def value(self) -> Any:
        """Read what is next, whole."""
        value, end = _scan(self.text, self.at)
        self.at = self._behind(end)
        return value

    def _took(self, character: str) -> bool:
        found = self.text[self.at] == character
        if found:
            self.at = self._behind(self.at + 1)
        return found

    def _take(self, character: str) -> None:
        if not self._took(character):
            raise ValueError("an answer that isn't JSON")

    def members(self) -> Iterator[str]:
        """The names of an object's members. Who is given one reads the value before the next."""
        names: set[str] = set()
        self._take("{")
        if self._took("}"):
            return
        while True:
            name = self.value()
            if not isinstance(name, str) or name in names:
                raise ValueError("an answer that can be read in two ways, or not at all")
            names.add(name)
            self._take(":")
            yield name
            if self._took("}"):
                return
            self._take(",")

    def elements(self) -> Iterator[tuple[int, int, Any]]:
        """An array's elements: where each begins and ends, and what it is."""
        self._take("[")
        if self._took("]"):
            return
        text, at = self.text, self.at
        while True:
            value, end = _scan(text, at)
            yield at, end, value
            if text[end] == ",":  # as nearly always: in a long list this loop is what is paid for
                at = self._behind(end + 1)
                continue
            self.at = at = self._behind(end)
            if self._took("]"):
                return
            if text[at] != ",":
                raise ValueError("an answer that isn't JSON")
            at = self._behind(at + 1)
