"""What came from outside is text in a page, and nothing else."""

from html import unescape

from hypothesis import given
from hypothesis import strategies as st

from sidecar.consent.html import MOST_SHOWN, Html, html, joined, shown


@given(st.text())
def test_whatever_is_filled_in_is_text(text: str) -> None:
    page = html('<p title="{text}">{text}</p>', text=text)
    inside = page.removeprefix('<p title="').removesuffix("</p>")
    assert "<" not in inside.replace('">', "")
    assert inside.count('"') == 1
    assert unescape(inside.split('">')[0]) == text


def test_html_is_left_as_it_is_and_nothing_is_nothing() -> None:
    assert html("{a}{b}", a=Html("<b>"), b=None) == "<b>"
    assert joined([Html("<i>"), html("{x}", x="<")]) == "<i>&lt;"
    assert html("{text}", text="{text.__class__}") == "{text.__class__}"


@given(st.text())
def test_what_is_shown_is_short_and_turns_nothing_round(text: str) -> None:
    found = shown(text)
    assert len(found) <= MOST_SHOWN
    assert not set(found) & set("\0\n\u202e\u2066\u200b\ud800")


def test_names_are_shown_as_they_are() -> None:
    assert shown("Zoë, Ω & Søn") == "Zoë, Ω & Søn"
    assert shown("admin\u202ecod.exe") == "admincod.exe"
