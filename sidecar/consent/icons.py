"""The few drawings on the pages, each said in words beside it. Pure."""

from sidecar.consent.html import Html, html, shown

_DRAWN = '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="{width}" stroke-linecap="round" '
_DRAWN += 'stroke-linejoin="round" aria-hidden="true">{paths}</svg>'


def _drawn(paths: str, width: str = "2") -> Html:
    return Html(_DRAWN.format(width=width, paths=paths))


TICK = _drawn('<path d="m5 12.5 4.5 4.5L19 7.5"/>')
DASH = _drawn('<path d="M6 12h12"/>')
CROSS = _drawn('<path d="m7 7 10 10M17 7 7 17"/>')
WARNING = _drawn('<path d="M12 4 2.8 19.5h18.4z"/><path d="M12 10v4.2M12 16.9v.1"/>', "1.8")
CLOCK = _drawn('<circle cx="12" cy="12" r="8.5"/><path d="M12 7.2V12l3.2 2"/>', "1.8")
LINK = _drawn(
    '<path d="M9.5 14.5 14.5 9.5"/><path d="m11 6.5 1.8-1.8a4.2 4.2 0 0 1 6 6L17 12.5"/>'
    '<path d="m13 17.5-1.8 1.8a4.2 4.2 0 0 1-6-6L7 11.5"/>',
    "1.8",
)


def tile(name: str, look: str = "") -> Html:
    """*name*'s first letter; *look* is a class of the stylesheet."""
    letter = next((character for character in shown(name) if character.isalnum()), "?").upper()
    return html('<span class="tile {look}" aria-hidden="true">{letter}</span>', look=look, letter=letter)


def mark(drawing: Html, look: str) -> Html:
    return html('<span class="mark {look}">{drawing}</span>', look=look, drawing=drawing)


def pair(one: str, other: str) -> Html:
    """The agent and the provider."""
    return html(
        '<div class="pair" aria-hidden="true">{one}<span class="thread"></span>{other}</div>',
        one=tile(one, "agent"),
        other=tile(other),
    )
