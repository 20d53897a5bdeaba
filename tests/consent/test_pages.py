"""The pages on the way to consent, as they are read."""

import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from sidecar.consent import account_pages, failures, pages
from sidecar.consent.account_pages import Choice, Connection, Wish
from sidecar.consent.frame import Page, Place, Signed, document
from sidecar.consent.pages import Form, Outcome, Question

EVIL = "<img src=x onerror=alert(1)>\"'&{agent}"
PLACE = Place("https://accounts.example", EVIL)
SIGNED = Signed(EVIL, "/accounts/sign-out", "token")
FORM = Form("/connect/id", "token", (("return_url", EVIL),))
QUESTION = Question(EVIL, EVIL, (EVIL,), (EVIL,))
CONNECTION = Connection(EVIL, EVIL, (EVIL,), "today", EVIL, "/accounts/disconnect/x", ended=True)


class Read(HTMLParser):
    """A page as a browser takes it apart."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


PAGES: dict[str, Page] = {
    "start": pages.start(QUESTION, FORM, sign_in=EVIL, signed=SIGNED),
    "onward": pages.onward(EVIL, "https://x.example/?a=" + EVIL),
    "done": pages.done(Outcome(QUESTION, EVIL, (EVIL,)), PLACE, back="https://x.example/" + EVIL, signed=SIGNED),
    "other account": pages.other_account(QUESTION, EVIL, EVIL, FORM, SIGNED),
    "sign in": account_pages.sign_in(EVIL, [Choice(EVIL, FORM), Choice(EVIL, FORM)]),
    "overview": account_pages.overview(EVIL, [CONNECTION], [Wish(EVIL, EVIL, (EVIL,), "now", FORM)], SIGNED, EVIL),
    "empty": account_pages.overview(EVIL, [], [], SIGNED),
    "disconnect": account_pages.disconnect(EVIL, EVIL, [EVIL, EVIL], FORM, "/accounts", SIGNED),
    **{f"failure: {name}": failures.page(name, "/accounts", again=FORM, trace_id=EVIL) for name in failures.FAILURES},
}


@pytest.mark.parametrize("name", [*PAGES])
def test_nothing_that_came_from_outside_is_more_than_text(name: str) -> None:
    page = document(PAGES[name], PLACE).decode()
    read = Read()
    read.feed(page)
    assert read.tags.isdisjoint({"img", "script", "style", "iframe", "object"})
    assert not [attribute for attribute in read.attributes if attribute.startswith("on") or attribute == "style"]
    assert EVIL in read.text


@pytest.mark.parametrize("name", [*PAGES])
def test_it_can_be_read_aloud(name: str) -> None:
    page = document(PAGES[name], PLACE).decode()
    assert page.count("<h1") == 1
    assert page.count("<main") == page.count("</main>") == 1
    levels = [int(level) for level in re.findall(r"<h([1-6])", page)]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    for target in re.findall(r'aria-labelledby="([^"]*)"', page):
        assert page.count(f'id="{target}"') == 1
    for svg in re.findall(r"<svg[^>]*>", page):
        assert 'aria-hidden="true"' in svg
    for button in re.findall(r"<button[^>]*>(.*?)</button>", page, re.DOTALL):
        assert re.sub(r"<[^>]*>", "", button).strip()


@pytest.mark.parametrize("name", [*PAGES])
def test_tags_are_closed(name: str) -> None:
    page = document(PAGES[name], PLACE).decode()
    open_tags: list[str] = []
    for closing, tag in re.findall(r"<(/?)([a-z0-9]+)(?:\s[^>]*)?>", page):
        if closing:
            assert open_tags.pop() == tag
        elif tag not in {"meta", "link", "input", "path", "circle"}:
            open_tags.append(tag)
    assert open_tags == []


def test_where_no_sign_in_is_needed_none_is_announced() -> None:
    assert "You sign in" not in pages.start(QUESTION, FORM, sign_in=None).body
    assert "You sign in" in pages.start(QUESTION, FORM, sign_in="okta").body


def test_all_and_a_part_are_told_apart() -> None:
    whole = pages.done(Outcome(Question("agent", "Google", ()), ""), PLACE, back=None, signed=None)
    part = pages.done(Outcome(Question("agent", "Google", ()), "", ("write",)), PLACE, back=None, signed=None)
    assert whole.title == "Google is connected"
    assert part.title == "Google is connected, in part"
    assert "Not granted" in part.body
    assert "Not granted" not in whole.body
