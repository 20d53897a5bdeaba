"""How the demo looks: eighty columns, quiet, in colour where that is wanted."""

import textwrap
from collections.abc import Iterable, Mapping
from typing import TextIO

WIDTH = 80
_INDENT = "   "
_MARKS = {"held": "✓", "failed": "✗", "asks": "→", "answers": "←", "rule": "─"}
_ASCII = {"held": "ok", "failed": "FAILED", "asks": ">", "answers": "<", "rule": "-"}
_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "cyan": "36"}


class Terminal:
    """Writes the story to *out*; counts the steps that held and those that didn't."""

    def __init__(self, out: TextIO, *, colour: bool) -> None:
        self._out = out
        self._colour = colour
        self._marks = _MARKS if (out.encoding or "").lower().startswith("utf") else _ASCII
        self._gap = True
        """The line before was empty: two never follow each other."""
        self.held = 0
        self.failed = 0

    def title(self, text: str) -> None:
        self._line(self._styled(text, "bold"))
        self.rule()

    def rule(self) -> None:
        self._line(self._styled(self._marks["rule"] * WIDTH, "dim"))

    def gap(self) -> None:
        self._line()

    def chapter(self, number: int, text: str) -> None:
        self._line()
        self._line(self._styled(f"{number}  {text}", "bold"))
        self._line()

    def say(self, text: str) -> None:
        """A paragraph in plain words, wrapped."""
        for line in textwrap.wrap(" ".join(text.split()), WIDTH - len(_INDENT), break_on_hyphens=False):
            self._line(_INDENT + line)
        self._line()

    def asks(self, request: str, headers: Iterable[str] = ()) -> None:
        """A request: its line, and the headers worth seeing."""
        self._line(f"{_INDENT}{self._styled(self._marks['asks'], 'cyan')} {request}")
        self._indented(headers)

    def answers(self, status: str, lines: Iterable[str] = ()) -> None:
        self._line(f"{_INDENT}{self._styled(self._marks['answers'], 'cyan')} {status}")
        self._indented(lines)
        self._line()

    def table(self, rows: Mapping[str, str]) -> None:
        width = max(map(len, rows), default=0)
        for name, value in rows.items():
            shown = textwrap.wrap(value, WIDTH - len(_INDENT) - width - 4, break_on_hyphens=False) or [""]
            for line, text in enumerate(shown):
                label = self._styled(f"{'' if line else name:{width}}", "dim")
                self._line(f"{_INDENT}  {label}  {text}")
        self._line()

    def code(self, lines: Iterable[str]) -> None:
        """Something to read or to copy, as it is."""
        for line in lines:
            self._line(f"{_INDENT}  {self._styled(line, 'cyan')}".rstrip())
        self._line()

    def step(self, claim: str, holds: bool, found: object = "") -> None:
        """A claim that was checked; when it doesn't hold, *found* says what was there instead."""
        self._mark(claim, holds)
        self.held += holds
        self.failed += not holds
        if not holds and str(found):
            self._indented(textwrap.wrap(f"instead: {found}", WIDTH - 8))

    def verdict(self) -> None:
        """What all steps come to."""
        told = self.held + self.failed
        self.gap()
        self.rule()
        if self.failed:
            self._mark(f"{self.failed} of {told} steps did not hold", holds=False)
        else:
            self._mark(f"every step held: {told} of {told}", holds=True)
        self.gap()

    def _mark(self, claim: str, holds: bool) -> None:
        mark, colour = ("held", "green") if holds else ("failed", "red")
        self._line(f"{_INDENT}{self._styled(self._marks[mark], colour)} {claim}")

    def _indented(self, lines: Iterable[str]) -> None:
        for line in lines:
            wrapped = textwrap.wrap(line, WIDTH - len(_INDENT) - 2, subsequent_indent="  ", break_on_hyphens=False)
            for part in wrapped:
                self._line(f"{_INDENT}  {self._styled(part, 'dim')}")

    def _styled(self, text: str, style: str) -> str:
        return f"\033[{_STYLES[style]}m{text}\033[0m" if self._colour else text

    def _line(self, text: str = "") -> None:
        if self._gap and not text:
            return
        self._gap = not text
        encoding = self._out.encoding or "utf-8"
        self._out.write(text.encode(encoding, "replace").decode(encoding) + "\n")
        self._out.flush()
