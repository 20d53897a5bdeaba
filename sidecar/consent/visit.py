"""One request of a browser, read strictly, and what it may be answered with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from sidecar.consent import cookies, failures, navigation
from sidecar.consent.frame import Page, Signed
from sidecar.consent.pages import Form
from sidecar.consent.surroundings import Surroundings
from sidecar.consent.visitors import Visitor, digest
from sidecar.wire.strict import base64url_encode

_MOST_FIELDS = 64


@dataclass(frozen=True, slots=True)
class Redirect:
    """303: on with GET, to a page of ours or to an application's return URL."""

    to: str


Answer = Page | Redirect


class Failed(Exception):
    """What is shown instead; ``reason`` is for the log and holds nothing of what was sent."""

    def __init__(
        self, what: str, reason: str = "", *, again: Form | str | None = None, back: str | None = None
    ) -> None:
        super().__init__(reason or what)
        self.what, self.reason = what, reason
        self.again, self.back = again, back


@dataclass(slots=True)
class Visit:
    surroundings: Surroundings
    method: str
    steps: tuple[str, ...]
    """Of the path, behind the pages' own base."""
    query: Mapping[str, str] = field(repr=False)
    form: Mapping[str, str] = field(repr=False)
    fields: Mapping[str, str] = field(repr=False)
    """The header's, names lower-case."""
    trace_id: str
    span_id: str
    browser: str | None = field(default=None, repr=False)
    """The cookie that ties what it was sent away with to it,"""
    signed_cookie: str | None = field(default=None, repr=False)
    """and the one that says who has signed in."""
    visitor: Visitor | None = None
    set_cookies: list[str] = field(default_factory=list, repr=False)

    def known(self) -> str:
        """The browser's cookie, which it is given where it has none."""
        if self.browser is None:
            self.browser = base64url_encode(self.surroundings.random(32)).decode()
            self._give(cookies.BROWSER, self.browser)
        return self.browser

    @property
    def browser_digest(self) -> bytes | None:
        return digest(self.browser) if self.browser is not None else None

    def signs_in(self, cookie: str) -> None:
        self.signed_cookie, self.visitor = cookie, self.surroundings.visitors.of(cookie)
        self._give(cookies.SIGNED_IN, cookie)

    def signs_out(self) -> None:
        if self.signed_cookie is not None:
            self.surroundings.visitors.sign_out(self.signed_cookie)
        self.signed_cookie = self.visitor = None
        self._give(cookies.SIGNED_IN, "")

    def _give(self, which: str, value: str) -> None:
        self.set_cookies.append(cookies.written(which, value, secure=self.surroundings.place.secure))

    # forms

    def a_form(self, *steps: str, **carried: str) -> Form:
        """A form of this browser's, to the page at *steps*."""
        action = self.surroundings.place.path(*steps)
        token = navigation.form_token(self.surroundings.form_key, self.known(), action)
        return Form(action, token, tuple(carried.items()))

    def require_own_form(self, again: str | None = None) -> None:
        """Raise ``Failed`` unless this is a form of ours, sent from a page of ours, in this browser."""
        surroundings = self.surroundings
        if not navigation.own(self.fields, surroundings.place.origin):
            raise Failed("form", "a form that was not sent from a page of ours", again=again)
        action = surroundings.place.path(*self.steps)
        if not navigation.form_holds(surroundings.form_key, self.browser, action, self.form.get("form")):
            raise Failed("form", "a form without this browser's token", again=again)

    def require_arrival(self) -> None:
        """Raise ``Failed`` unless the browser was sent here as a whole."""
        if not navigation.arrives(self.fields):
            raise Failed("astray", "not a navigation of a user's browser")

    @property
    def signed(self) -> Signed | None:
        if self.visitor is None:
            return None
        principal = self.visitor.principal
        form = self.a_form("accounts", "sign-out")
        return Signed(principal.name or principal.email or principal.subject, form.action, form.token)

    def failure(self, failed: Failed) -> Page:
        return failures.page(
            failed.what,
            self.surroundings.place.path("accounts"),
            again=failed.again,
            back=failed.back,
            trace_id=self.trace_id,
            signed=self.signed,
        )


def pairs(text: str) -> dict[str, str]:
    """A query or a form. Raise ``ValueError`` for what names something twice (RFC 6749, section 3.1), is no UTF-8, or
    is too much."""
    found = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    given = dict(found)
    if len(given) != len(found):
        raise ValueError("a parameter stands there twice")
    return given
