"""The identity API's application: what the agent asks the sidecar itself, on the egress listener.

The door has already turned away browsers, and whoever calls the listener by a strange name.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sidecar.api import answer as answers
from sidecar.api import aws, body, connections, record, tools
from sidecar.api.asked import Asked
from sidecar.api.detach import detach
from sidecar.api.principal import principal
from sidecar.api.surroundings import Surroundings
from sidecar.api.tokens import api_key, token
from sidecar.errors import BadRequest, Internal, Refusal, RouteUnknown, TooLarge, Unauthenticated
from sidecar.relay.passage import Notice
from sidecar.relay.refusal import problem

if TYPE_CHECKING:
    from aiohttp import web

log = logging.getLogger(__name__)

Answer = Mapping[str, Any] | bytes | None
"""A JSON document, a text in PEM, or nothing (204)."""


class MethodUnknown(BadRequest):
    """Of a call that there is; its answer names the method in ``Allow`` (RFC 9110, section 10.2.1)."""

    title = "That call is made by another method."
    allowed = ""


@dataclass(frozen=True, slots=True)
class Call:
    method: str
    answer: Callable[[Asked], Awaitable[Answer]]


async def _jwks(asked: Asked) -> Answer:
    return await asyncio.to_thread(asked.surroundings.jwks)


async def _ca(asked: Asked) -> Answer:
    return asked.surroundings.ca()


CALLS: Mapping[bytes, Call] = {
    b"/v1/principal": Call("GET", principal),
    b"/v1/token": Call("POST", token),
    b"/v1/api-key": Call("POST", api_key),
    b"/v1/tools": Call("GET", tools.declared),
    b"/v1/tools/shown": Call("POST", tools.shown),
    b"/v1/tools/check": Call("POST", tools.check),
    b"/v1/connections": Call("GET", connections.listed),
    b"/v1/connections/": Call("DELETE", connections.disconnect),
    b"/v1/consents/": Call("GET", connections.consent),
    b"/v1/invocation/detach": Call("POST", detach),
    b"/v1/aws/credentials": Call("GET", aws.credentials),
    b"/v1/jwks.json": Call("GET", _jwks),
    b"/v1/ca.pem": Call("GET", _ca),
}
"""By path, as it comes: no other spelling of it is meant. One that ends in a slash is followed by a name."""


def application(surroundings: Callable[[], Surroundings]) -> "web.Application":
    """*surroundings* is called for each request: a reload exchanges them."""
    from aiohttp import web

    async def answer(request: web.Request) -> web.Response:
        asked = _asked(request, surroundings())
        try:
            asked.body = await _body(request)
            said = await _call(asked).answer(asked)
        except Refusal as refusal:
            return _refused(asked, refusal)
        except Exception:
            log.exception("a call of the identity API failed")
            return _refused(asked, Internal())
        if said is None:
            return web.Response(status=204, headers=answers.headers(asked))
        pem = isinstance(said, bytes)
        return web.Response(
            body=said if isinstance(said, bytes) else answers.document(said),
            content_type="application/pem-certificate-chain" if pem else "application/json",
            headers=answers.headers(asked),
        )

    app = web.Application(client_max_size=body.MOST)
    app.router.add_route("*", "/{path:.*}", answer)
    app.on_response_prepare.append(_plain)
    return app


def _asked(request: "web.Request", surroundings: Surroundings) -> Asked:
    path, _, query = request.raw_path.partition("?")
    fields = tuple((name.lower(), value) for name, value in request.raw_headers)
    said = [value for name, value in fields if name == b"traceparent"]
    trace = surroundings.tracer.enter(said[0] if len(said) == 1 else None)
    return Asked(
        surroundings=surroundings,
        method=request.method,
        path=path.encode("utf-8", "surrogateescape"),
        query=query,
        fields=fields,
        body=b"",
        trace_id=trace.trace_id,
        span_id=trace.span_id,
    )


async def _body(request: "web.Request") -> bytes:
    from aiohttp import web

    if "Content-Encoding" in request.headers:
        raise body.BadBody("the body is packed", mend="Send the body as it is, without Content-Encoding.")
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise TooLarge("the body", mend=f"Send at most {body.MOST} bytes.") from error
    except ConnectionError as error:
        raise body.BadBody("the body broke off") from error


def _call(asked: Asked) -> Call:
    """Raise ``RouteUnknown`` or ``MethodUnknown``."""
    call = _found(asked)
    if call is None:
        raise RouteUnknown(
            "no such call of the identity API",
            mend="Use one of " + ", ".join(map(_written, CALLS)) + ", exactly as it is written.",
        )
    if call.method != asked.method:
        refusal = MethodUnknown("another method", mend=f"Send {call.method}.")
        refusal.allowed = call.method
        raise refusal
    return call


def _found(asked: Asked) -> Call | None:
    if asked.path.endswith(b"/"):
        return None
    before, slash, name = asked.path.rpartition(b"/")
    named = CALLS.get(before + slash)
    if named is not None:
        asked.name = name.decode("utf-8", "surrogateescape")
    return named or CALLS.get(asked.path)


def _written(path: bytes) -> str:
    return path.decode() + ("…" if path.endswith(b"/") else "")


def _refused(asked: Asked, refusal: Refusal) -> "web.Response":
    from aiohttp import web

    record.denied(asked, refusal)
    headers = {**answers.headers(asked), "Sidecar-Error": refusal.code}
    if isinstance(refusal, Unauthenticated):  # RFC 6750, section 3
        said = f' error="{refusal.error}", error_description="{refusal.title}"' if refusal.error else ""
        headers["WWW-Authenticate"] = "Bearer" + said
    if isinstance(refusal, MethodUnknown):
        headers["Allow"] = refusal.allowed
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(refusal.retry_after)
    return web.Response(
        body=problem(refusal, Notice(asked.trace_id.decode())),
        status=refusal.status,
        content_type="application/problem+json",
        headers=headers,
    )


async def _plain(_request: "web.Request", response: "web.StreamResponse") -> None:
    response.headers.popall("Server", None)
