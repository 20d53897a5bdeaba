"""A browser small enough to be read."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from sidecar.demo.server import serving
from sidecar.demo.visitor import Page, Visitor

FORM = """<h1>A <b>question</b></h1>
<form method="post" action="/sign-out"><input type="hidden" name="form" value="other"></form>
<form method="post" action="/answer?x=1"><input type="hidden" name="form" value="a &amp; b">
<input type="radio" name="account" value="alice" checked><input type="radio" name="account" value="bob">
<input type="checkbox" name="scope" value="read"><button name="decision" value="allow">Allow</button></form>"""


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async def page(_request: web.Request) -> web.Response:
        answer = web.Response(text=FORM, content_type="text/html")
        answer.set_cookie("kept", "yes", samesite="Lax")
        return answer

    async def answer(request: web.Request) -> web.Response:
        form = dict(await request.post())
        said = f"{form} {request.cookies['kept']} {request.headers['Origin'] == f'http://{request.host}'}"
        return web.Response(
            text=f'<meta http-equiv="refresh" content="0; url=http://{request.host}/said?{len(said)}"><h1>{said}</h1>',
            content_type="text/html",
        )

    async def said(request: web.Request) -> web.Response:
        return web.Response(text="<h1>thank you</h1>", content_type="text/html")

    async def around(request: web.Request) -> web.Response:
        text = '<meta http-equiv="refresh" content="0; url=/around">'.replace(
            "/around", f"http://{request.host}/around"
        )
        return web.Response(text=text, content_type="text/html")

    app = web.Application()
    app.add_routes(
        [web.get("/", page), web.post("/answer", answer), web.get("/said", said), web.get("/around", around)]
    )
    async with serving(app) as url:
        yield url


@pytest.fixture
async def visitor() -> AsyncIterator[Visitor]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield Visitor(session)


async def test_it_fills_in_a_form_and_goes_on(url: str, visitor: Visitor) -> None:
    page = await visitor.open(f"{url}/")
    assert page.heading == "A question"
    assert page.form().fields == {"form": "a & b", "account": "alice"}
    assert page.form("/sign-out").fields == {"form": "other"}
    assert (await visitor.send(page, "/answer", decision="allow")).heading == "thank you"


async def test_it_says_where_a_page_has_no_such_form(url: str, visitor: Visitor) -> None:
    with pytest.raises(LookupError, match="has no form to /elsewhere"):
        (await visitor.open(f"{url}/")).form("/elsewhere")


async def test_it_does_not_go_round_for_ever(url: str, visitor: Visitor) -> None:
    with pytest.raises(LookupError, match="each other"):
        await visitor.open(f"{url}/around")


def test_a_page_is_taken_apart() -> None:
    page = Page("http://127.0.0.1/a/b", '<form action="c?d=1&amp;e=2"><input type="text" name="x" value="y"></form>')
    assert page.form("/c").action == "http://127.0.0.1/a/c?d=1&e=2"
    assert page.form("/c").fields == {}
    assert page.onward is None
