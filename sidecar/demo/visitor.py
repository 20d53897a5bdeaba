"""A browser small enough to be read: it keeps cookies, goes where pages send it, and fills in their forms."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import aiohttp

_MOST_STEPS = 5


@dataclass(slots=True)
class Form:
    action: str
    fields: dict[str, str] = field(default_factory=dict)


class Page(HTMLParser):
    """What of a page matters here."""

    def __init__(self, url: str, text: str) -> None:
        super().__init__()
        self.url = url
        self.heading = ""
        self.onward: str | None = None
        """Where it sends its browser by itself."""
        self.forms: list[Form] = []
        self._in_heading = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "h1":
            self._in_heading = True
        elif tag == "meta" and given.get("http-equiv") == "refresh":
            self.onward = given["content"].partition("url=")[2]
        elif tag == "form":
            self.forms.append(Form(urljoin(self.url, given["action"])))
        elif tag == "input" and self.forms and (given.get("type") == "hidden" or "checked" in given):
            self.forms[-1].fields[given["name"]] = given["value"]

    def handle_endtag(self, tag: str) -> None:
        if tag == "h1":
            self._in_heading = False

    def handle_data(self, data: str) -> None:
        if self._in_heading:
            self.heading += data

    def form(self, ending: str = "") -> Form:
        """The last form whose action's path ends so. Raise ``LookupError``."""
        for each in reversed(self.forms):
            if urlsplit(each.action).path.endswith(ending):
                return each
        raise LookupError(f"the page at {urlsplit(self.url).path} has no form to {ending or 'anywhere'}")


class Visitor:
    """*session* keeps its cookies."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def open(self, url: str) -> Page:
        """The page at *url*, or the one that it sends on to."""
        for _ in range(_MOST_STEPS):
            async with self._session.get(url) as answer:
                page = Page(str(answer.url), await answer.text())
            if page.onward is None:
                return page
            url = page.onward
        raise LookupError("pages send on to each other")

    async def send(self, page: Page, ending: str = "", **fields: str) -> Page:
        """The form of *page* whose path ends so, with *fields* filled in."""
        form = page.form(ending)
        parts = urlsplit(page.url)
        origin = {"Origin": f"{parts.scheme}://{parts.netloc}"}
        async with self._session.post(form.action, data={**form.fields, **fields}, headers=origin) as answer:
            arrived = Page(str(answer.url), await answer.text())
        return await self.open(arrived.onward) if arrived.onward is not None else arrived
