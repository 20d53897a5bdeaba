"""What every page has around it: language, title, stylesheet, and who is signed in. Pure."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sidecar.consent.html import Html, html, shown


@dataclass(frozen=True, slots=True)
class Place:
    """Where the pages are."""

    public_url: str
    """Without a slash at the end."""
    agent: str

    def path(self, *steps: str) -> str:
        """The path of a page."""
        return "/".join((self._base, *steps))

    def url(self, *steps: str) -> str:
        return "/".join((self.public_url, *steps))

    def within(self, path: str) -> tuple[str, ...] | None:
        """The steps of *path* behind the pages' own base; ``None``: it isn't one of theirs."""
        base = self._base + "/"
        return tuple(path[len(base) :].split("/")) if path.startswith(base) else None

    @property
    def origin(self) -> str:
        scheme, _, rest = self.public_url.partition("://")
        return f"{scheme}://{rest.partition('/')[0]}"

    @property
    def secure(self) -> bool:
        return self.public_url.startswith("https:")

    @property
    def _base(self) -> str:
        return self.public_url.removeprefix(self.origin)


@dataclass(frozen=True, slots=True)
class Signed:
    """Who is signed in, and the form that ends it."""

    name: str
    action: str
    token: str


@dataclass(frozen=True, slots=True)
class Page:
    title: str
    body: Html
    status: int = 200
    wide: bool = False
    refresh: str | None = None
    """Where the browser goes on to by itself."""
    signed: Signed | None = None


_SHIELD = (
    '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linejoin="round" '
    'stroke-linecap="round" aria-hidden="true">'
    '<path d="M12 2.8 4.5 5.6v5.6c0 4.7 3.1 8.4 7.5 10 4.4-1.6 7.5-5.3 7.5-10V5.6z"/>'
    '<path d="m8.6 12 2.4 2.4 4.6-4.7"/></svg>'
)


@cache
def assets() -> Mapping[str, tuple[str, bytes]]:
    """File name → media type and content. What is in a file is in its name, so that it may be kept for ever."""
    icon = _SHIELD.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ').replace("currentColor", "#1f4fbf")
    style = Path(__file__).with_name("style.css").read_bytes()
    return {
        _dated("style", "css", style): ("text/css", style),
        _dated("icon", "svg", icon.encode()): ("image/svg+xml", icon.encode()),
    }


def _dated(name: str, ending: str, content: bytes) -> str:
    return f"{name}-{hashlib.sha256(content).hexdigest()[:16]}.{ending}"


def document(page: Page, place: Place) -> bytes:
    """The whole page. Whatever its browser goes on to by itself is linked in it as well."""
    style, icon = (place.path("assets", name) for name in assets())
    return html(
        """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex, nofollow">
{refresh}<title>{title} · {agent}</title>
<link rel="icon" href="{icon}" type="image/svg+xml">
<link rel="stylesheet" href="{style}">
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<header class="top"><a class="brand" href="{home}">{shield}<span><bdi>{agent}</bdi></span></a>{who}</header>
<main id="main"{wide}>
{body}
</main>
<footer class="foot">These pages belong to <bdi>{agent}</bdi>. Your passwords are never entered here.</footer>
</body>
</html>
""",
        refresh=html('<meta http-equiv="refresh" content="0; url={to}">\n', to=page.refresh) if page.refresh else None,
        title=page.title,
        agent=shown(place.agent),
        icon=icon,
        style=style,
        home=place.path("accounts"),
        shield=Html(_SHIELD),
        who=_who(page.signed),
        wide=Html(' class="wide"') if page.wide else None,
        body=page.body,
    ).encode()


def _who(signed: Signed | None) -> Html | None:
    if signed is None:
        return None
    return html(
        '<div class="who"><bdi>{name}</bdi><form method="post" action="{action}">{token}'
        '<button class="link">Sign out</button></form></div>',
        name=shown(signed.name),
        action=signed.action,
        token=hidden("form", signed.token),
    )


def hidden(name: str, value: str) -> Html:
    return html('<input type="hidden" name="{name}" value="{value}">', name=name, value=value)
