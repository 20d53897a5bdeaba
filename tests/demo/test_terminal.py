"""How the demo looks."""

import io
import re

from hypothesis import given
from hypothesis import strategies as st

from sidecar.demo.terminal import WIDTH, Terminal


def told(encoding: str = "utf-8", *, colour: bool = False) -> tuple[Terminal, io.BytesIO]:
    raw = io.BytesIO()
    return Terminal(io.TextIOWrapper(raw, encoding=encoding), colour=colour), raw


def everything(terminal: Terminal, text: str) -> None:
    terminal.title("A title")
    terminal.chapter(1, "A chapter")
    terminal.say(text)
    terminal.asks("GET /", [text])
    terminal.answers("200 OK", [text])
    terminal.table({"X-Identity-Groups": text, "": "", "X-Identity-Name": "alice"})
    terminal.step("a claim", True)
    terminal.step("another", False, text)


@given(st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)))
def test_no_line_is_wider_than_the_terminal(words: list[str]) -> None:
    terminal, raw = told()
    everything(terminal, " ".join(words))
    assert all(len(line) <= WIDTH for line in raw.getvalue().decode().splitlines())


def test_without_colour_there_is_no_escape() -> None:
    terminal, raw = told()
    everything(terminal, "words")
    assert b"\033" not in raw.getvalue()


def test_colour_changes_nothing_but_colour() -> None:
    plain, plain_raw = told()
    coloured, coloured_raw = told(colour=True)
    everything(plain, "words " * 40)
    everything(coloured, "words " * 40)
    assert re.sub(rb"\033\[\d+m", b"", coloured_raw.getvalue()) == plain_raw.getvalue()
    assert b"\033[32m" in coloured_raw.getvalue()


def test_a_terminal_without_unicode_gets_words_instead_of_marks() -> None:
    terminal, raw = told("ascii")
    everything(terminal, "Bob Núñez")
    assert b"ok a claim" in raw.getvalue()
    assert b"FAILED another" in raw.getvalue()
    assert b"Bob N??ez" in raw.getvalue()


def test_steps_are_counted_and_a_failed_one_says_what_was_found() -> None:
    terminal, raw = told()
    terminal.step("one", True, "not shown")
    terminal.step("two", True)
    terminal.step("three", False, (403, "not_permitted"))
    assert (terminal.held, terminal.failed) == (2, 1)
    text = raw.getvalue().decode()
    assert "not shown" not in text
    assert "instead: (403, 'not_permitted')" in text
