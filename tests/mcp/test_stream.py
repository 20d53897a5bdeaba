import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.mcp import stream
from sidecar.mcp.stream import Events, Text


def shout(data: bytes) -> bytes | None:
    """Rewrites what begins with ``{``."""
    return data.upper() if data.startswith(b"{") else None


def through(*pieces: bytes) -> list[bytes]:
    events = Events(shout)
    return [*(events.feed(piece) for piece in pieces), events.end()]


def test_a_text_goes_on_once_it_is_whole() -> None:
    text = Text(shout)
    assert [text.feed(b"{a"), text.feed(b"b}"), text.end()] == [b"", b"", b"{AB}"]
    assert text.whole


def test_a_text_that_stays_and_an_empty_one() -> None:
    text = Text(shout)
    text.feed(b"ab")
    assert text.end() == b"ab"
    assert Text(lambda _data: b"never").end() == b""


def test_a_text_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MOST", 10)
    with pytest.raises(ValueError, match="larger"):
        Text(shout).feed(b"x" * 11)


def test_an_event_goes_on_as_soon_as_it_is_whole() -> None:
    first, second, third = b"event: message\nid: 1\ndata: x\n", b"\nevent: me", b"ssage\ndata: y\n\n"
    assert through(first, second, third) == [b"", first + b"\n", b"event: message\ndata: y\n\n", b""]


def test_what_is_not_rewritten_is_as_it_came() -> None:
    text = b"retry: 5\r\n\r\n: note\r\n\r\nid:1\r\ndata\r\n\r\nevent: x\r\ndata:a\r\ndata:  b\r\n\r\nother: y\r\n\r\n"
    assert b"".join(through(text)) == text


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_an_event_that_is_rewritten_has_its_other_fields(end: bytes) -> None:
    event = end.join([b"id: 7", b"data: {a", b"event: message", b"data:b}", b"retry: 1", b"", b""])
    said = b"".join(through(event))
    assert said == b"id: 7\nevent: message\nretry: 1\ndata: {A\ndata: B}\n" + end


def test_a_comment_goes_on_at_once() -> None:
    assert through(b": ping\n", b"data: x\n", b": within\n", b"\n") == [
        b": ping\n",
        b"",
        b"",
        b"data: x\n: within\n\n",
        b"",
    ]


def test_a_byte_order_mark_hides_nothing() -> None:
    for pieces in ([b"\xef\xbb\xbfdata: {a}\n\n"], [b"\xef", b"\xbb", b"\xbf", b"data: {a}\n\n"]):
        assert b"".join(through(*pieces)) == b"data: {A}\n\n"
    assert b"".join(through(b"\xef\xbb", b"data: {a}\n\n")) == b"\xef\xbbdata: {a}\n\n"


def test_what_has_no_end_is_looked_at_too() -> None:
    assert b"".join(through(b"data: {a}")) == b"data: {A}\n"
    assert b"".join(through(b"data: {a}\n")) == b"data: {A}\n"
    assert b"".join(through(b"")) == b""


def test_only_data_is_data() -> None:
    for line in (b"Data: {a}", b"data : {a}", b" data: {a}", b"data2: {a}", b"xdata: {a}"):
        assert b"".join(through(line + b"\n\n")) == line + b"\n\n"


def test_an_event_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MOST", 100)
    events = Events(shout)
    for _ in range(100):
        events.feed(b"data: some\n\n")
    events.feed(b"data: " + b"x" * 60 + b"\n")
    with pytest.raises(ValueError, match="larger"):
        events.feed(b"data: " + b"x" * 60)


LINES = st.sampled_from([b"data: {a}", b"data: b", b"data", b"id: 1", b": c", b"", b"event: message"])
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


@given(st.lists(st.tuples(LINES, ENDS)), st.lists(st.integers(1, 5)), st.booleans())
def test_how_it_comes_makes_no_difference(lines: list[tuple[bytes, bytes]], sizes: list[int], mark: bool) -> None:
    text = (b"\xef\xbb\xbf" if mark else b"") + b"".join(line + end for line, end in lines)
    whole, rest = b"".join(through(text)), text
    pieces = []
    for size in sizes:
        pieces.append(rest[:size])
        rest = rest[size:]
    parts = b"".join(through(*pieces, rest))
    assert dispatched(parts) == dispatched(whole)


def dispatched(text: bytes) -> list[bytes]:
    """The data of its events, as a browser has them (HTML, "Interpreting an event stream")."""
    found, data = [], b""
    for line in text.splitlines():
        if not line:  # "data" alone is an event of its own
            if data:
                found.append(data[:-1])
            data = b""
        elif line == b"data" or line.startswith(b"data:"):
            data += line[5:].removeprefix(b" ") + b"\n"
    return found
