"""What every page has around it."""

import re

import pytest

from sidecar.consent.frame import Page, Place, Signed, assets, document
from sidecar.consent.html import Html

PLACE = Place("https://accounts.example", "<agent>")
BELOW = Place("https://example.com/accounts-of/travel", "travel")


def test_addresses_are_built_from_the_public_url_alone() -> None:
    assert PLACE.url("callback", "google") == "https://accounts.example/callback/google"
    assert PLACE.path("accounts") == "/accounts"
    assert BELOW.url("accounts") == "https://example.com/accounts-of/travel/accounts"
    assert BELOW.path("accounts") == "/accounts-of/travel/accounts"
    assert BELOW.origin == "https://example.com"
    assert BELOW.secure
    assert not Place("http://127.0.0.1:8082", "a").secure


@pytest.mark.parametrize(
    ("place", "path", "steps"),
    [
        (PLACE, "/connect/x", ("connect", "x")),
        (PLACE, "/", ("",)),
        (BELOW, "/accounts-of/travel/connect/x", ("connect", "x")),
        (BELOW, "/connect/x", None),
        (BELOW, "/accounts-of/travels/x", None),
    ],
)
def test_a_path_is_taken_apart_behind_the_pages_base(place: Place, path: str, steps: tuple[str, ...] | None) -> None:
    assert place.within(path) == steps


def test_a_page_says_its_language_its_title_and_who_is_signed_in() -> None:
    signed = Signed('Alice "A" <b>', "/accounts/sign-out", "token")
    page = document(Page("A <title>", Html("<p>text</p>"), signed=signed), PLACE).decode()
    assert '<html lang="en">' in page
    assert "<title>A &lt;title&gt; · &lt;agent&gt;</title>" in page
    assert "Alice &quot;A&quot; &lt;b&gt;" in page
    assert "<p>text</p>" in page
    assert 'href="#main"' in page
    assert 'name="viewport"' in page


def test_there_is_neither_script_nor_style_within() -> None:
    page = document(Page("t", Html(), refresh='https://x.example/?a=1&b="2'), PLACE).decode()
    assert "<script" not in page
    assert "<style" not in page
    assert "style=" not in page.replace('rel="stylesheet"', "")
    assert 'content="0; url=https://x.example/?a=1&amp;b=&quot;2"' in page


def test_files_are_named_by_what_is_in_them() -> None:
    names = [*assets()]
    assert [name.rpartition(".")[2] for name in names] == ["css", "svg"]
    page = document(Page("t", Html()), BELOW).decode()
    assert all(f"/accounts-of/travel/assets/{name}" in page for name in names)


PALETTES = [
    dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))
    for block in re.findall(r":root \{(.*?)\}", dict(assets().values())["text/css"].decode(), re.DOTALL)[:2]
]
ON = [("ink", "paper"), ("ink", "card"), ("soft", "paper"), ("soft", "card"), ("accent", "paper"), ("accent", "card")]
ON += [("accent", "tint"), ("on-accent", "accent"), ("on-accent", "accent-deep"), ("card", "bad"), ("ink", "warn-tint")]
ON += [("good", "good-tint"), ("warn", "warn-tint"), ("bad", "bad-tint")]


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("palette", PALETTES, ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), ON)
def test_text_stands_out_from_its_ground(palette: dict[str, str], text: str, ground: str) -> None:
    """At least 4.5 to 1 (WCAG 2.2, 1.4.3)."""
    light, dark = sorted((luminance(palette[text]), luminance(palette[ground])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5
