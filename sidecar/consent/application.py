"""The consent listener's application: users' browsers, and applications that complete a consent."""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from sidecar.consent import accounts, callback, complete, connect, cookies, frame, switching
from sidecar.consent.failures import FAILURES
from sidecar.consent.frame import Page, document
from sidecar.consent.surroundings import Surroundings
from sidecar.consent.visit import Answer, Failed, Redirect, Visit, pairs
from sidecar.errors import Internal, Refusal, Unauthenticated
from sidecar.relay.passage import Notice
from sidecar.relay.refusal import problem

if TYPE_CHECKING:
    from aiohttp import web

log = logging.getLogger(__name__)

MOST_BODY = 16 * 1024
_HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Of every answer. A session's id is in its address, so no other site learns it as a referrer."""
_SECURE = {"Strict-Transport-Security": "max-age=31536000"}

Answers = Callable[..., Awaitable[Answer]]


async def _home(visit: Visit) -> Answer:
    return Redirect(visit.surroundings.place.path("accounts"))


_PAGES: Mapping[tuple[str, ...], Mapping[str, Answers]] = {
    ("",): {"GET": _home},
    ("connect", "*"): {"GET": connect.show, "POST": connect.begin},
    ("connect", "*", "account"): {"GET": switching.account, "POST": switching.decide},
    ("login", "*"): {"GET": connect.signed_in},
    ("callback", "*"): {"GET": callback.called_back},
    ("accounts",): {"GET": accounts.show},
    ("accounts", "sign-in"): {"POST": accounts.begin_sign_in},
    ("accounts", "sign-out"): {"POST": accounts.sign_out},
    ("accounts", "connect"): {"POST": accounts.grant_wish},
    ("accounts", "disconnect", "*"): {"GET": accounts.ask_disconnect, "POST": accounts.disconnect},
}
"""Path → method → what answers; ``*`` is handed to it."""
_ARRIVALS = frozenset({"login", "callback"})
"""GET changes something there: HEAD isn't the same without a body."""


def application(surroundings: Callable[[], Surroundings]) -> "web.Application":
    """*surroundings* is called for each request: a reload exchanges them."""
    from aiohttp import web

    async def answer(request: web.Request) -> web.Response:
        around = surroundings()
        path = request.raw_path.partition("?")[0]
        steps = around.place.within(path) or ("unknown",)
        if steps[0] == "assets":
            return _asset(steps, request.method)
        if (steps[0], *steps[2:]) == ("consents", "complete"):
            return await _complete(around, steps[1], request)
        return await _page(around, steps, request)

    app = web.Application(client_max_size=MOST_BODY)
    app.router.add_route("*", "/{path:.*}", answer)
    app.on_response_prepare.append(_prepare(surroundings))
    return app


def _prepare(
    surroundings: Callable[[], Surroundings],
) -> "Callable[[web.Request, web.StreamResponse], Awaitable[None]]":
    async def prepare(_request: "web.Request", response: "web.StreamResponse") -> None:
        response.headers.popall("Server", None)
        more = {**_HEADERS, **(_SECURE if surroundings().place.secure else {})}
        for name, value in more.items():
            response.headers.setdefault(name, value)

    return prepare


async def _page(around: Surroundings, steps: tuple[str, ...], request: "web.Request") -> "web.Response":
    visit = _visit(around, steps, request)
    try:
        answer = await _answered(visit, request)
    except Failed as failed:
        grave = FAILURES[failed.what].grave or isinstance(failed.__cause__, Refusal)
        level = logging.WARNING if grave else logging.DEBUG
        log.log(level, "a consent page: %s (%s); reference %s", failed.what, failed.reason, visit.trace_id)
        answer = visit.failure(failed)
    except Exception:
        log.exception("a page of the consent listener failed; reference %s", visit.trace_id)
        answer = visit.failure(Failed("broken"))
    return _response(visit, answer)


async def _answered(visit: Visit, request: "web.Request") -> Answer:
    """Raise ``Failed``."""
    pattern, given = _pattern(visit.steps)
    methods = _PAGES.get(pattern)
    if methods is None:
        raise Failed("unknown", "no such page")
    head = visit.method == "HEAD" and pattern[0] not in _ARRIVALS
    page = methods.get("GET" if head else visit.method)
    if page is None:
        raise Failed("method", f"not by {visit.method if visit.method.isalpha() else 'that method'}")
    try:
        visit.query = pairs(request.raw_path.partition("?")[2])
        if visit.method == "POST":
            visit.form = pairs(await _form(request))
    except ValueError:
        raise Failed("astray", "parameters that can be read in two ways") from None
    return await page(visit, *given)


def _allowed(steps: tuple[str, ...]) -> str:
    """The methods of a page that there is (RFC 9110, section 10.2.1)."""
    pattern = _pattern(steps)[0]
    methods = [*_PAGES.get(pattern, {})]
    return ", ".join([*methods, *(["HEAD"] if "GET" in methods and pattern[0] not in _ARRIVALS else [])])


def _pattern(steps: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The pattern that *steps* may be of, and what stands for its ``*``: names and ids as they are, never decoded."""
    at = {"connect": 1, "login": 1, "callback": 1, "accounts": 2}.get(steps[0])
    if at is None or len(steps) <= at or not steps[at]:
        return steps, ()
    return (*steps[:at], "*", *steps[at + 1 :]), (steps[at],)


async def _form(request: "web.Request") -> str:
    """Raise ``ValueError``."""
    from aiohttp import web

    if request.content_type != "application/x-www-form-urlencoded":
        raise ValueError("no form")
    try:
        return (await request.read()).decode()
    except (web.HTTPRequestEntityTooLarge, ConnectionError) as error:
        raise ValueError("too much, or broken off") from error


def _visit(around: Surroundings, steps: tuple[str, ...], request: "web.Request") -> Visit:
    trace = around.tracer.enter(None)
    fields = {name.lower(): value for name, value in request.headers.items()}
    sent = request.headers.getall("Cookie", [])
    signed = cookies.read(sent, cookies.SIGNED_IN, secure=around.place.secure)
    return Visit(
        surroundings=around,
        method=request.method,
        steps=steps,
        query={},
        form={},
        fields=fields,
        trace_id=trace.trace_id.decode(),
        span_id=trace.span_id.decode(),
        browser=cookies.read(sent, cookies.BROWSER, secure=around.place.secure),
        signed_cookie=signed,
        visitor=around.visitors.of(signed),
    )


def _response(visit: Visit, answer: Answer) -> "web.Response":
    from aiohttp import web

    headers = [("Set-Cookie", cookie) for cookie in visit.set_cookies]
    headers.append(("X-Trace-Id", visit.trace_id))
    if isinstance(answer, Redirect):
        return web.Response(status=HTTPStatus.SEE_OTHER, headers=[*headers, ("Location", answer.to)])
    page: Page = answer
    if page.status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers.append(("Allow", _allowed(visit.steps)))
    return web.Response(
        body=document(page, visit.surroundings.place),
        status=page.status,
        content_type="text/html",
        charset="utf-8",
        headers=headers,
    )


def _asset(steps: tuple[str, ...], method: str) -> "web.Response":
    from aiohttp import web

    found = frame.assets().get(steps[-1]) if len(steps) == len(("assets", "name")) else None
    if found is None or method not in ("GET", "HEAD"):
        return web.Response(status=HTTPStatus.NOT_FOUND, text="no such file\n")
    kind, content = found
    return web.Response(
        body=content,
        content_type=kind,
        charset="utf-8",
        headers={"Cache-Control": "public, max-age=31536000, immutable"},
    )


async def _complete(around: Surroundings, session_id: str, request: "web.Request") -> "web.Response":
    from aiohttp import web

    trace_id = around.tracer.enter(None).trace_id.decode()
    try:
        said = await _completed(around, session_id, request)
    except Refusal as refusal:
        log.debug("a consent was not completed: %s (%s)", refusal.code, refusal.reason)
        return _refused(refusal, trace_id)
    except Exception:
        log.exception("completing a consent failed; reference %s", trace_id)
        return _refused(Internal(), trace_id)
    body = json.dumps(said).encode()
    return web.Response(body=body, content_type="application/json", headers={"X-Trace-Id": trace_id})


async def _completed(around: Surroundings, session_id: str, request: "web.Request") -> Mapping[str, Any]:
    """Raise a ``Refusal``."""
    from aiohttp import web

    if request.method != "POST":
        raise complete.BadBody("another method", mend="Send POST.")
    try:
        body = await request.read()
    except (web.HTTPRequestEntityTooLarge, ConnectionError) as error:
        raise complete.BadBody("too much, or broken off") from error
    sent = request.headers.getall("Authorization", [])
    return await complete.complete(around, session_id, sent[0] if len(sent) == 1 else None, body)


def _refused(refusal: Refusal, trace_id: str) -> "web.Response":
    from aiohttp import web

    headers = {"X-Trace-Id": trace_id, "Sidecar-Error": refusal.code}
    if isinstance(refusal, Unauthenticated):  # RFC 6750, section 3
        said = f' error="{refusal.error}", error_description="{refusal.title}"' if refusal.error else ""
        headers["WWW-Authenticate"] = "Bearer" + said
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(refusal.retry_after)
    return web.Response(
        body=problem(refusal, Notice(trace_id)),
        status=refusal.status,
        content_type="application/problem+json",
        headers=headers,
    )
