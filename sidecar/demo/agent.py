"""The demo's agent: an ordinary HTTP server that has never heard of tokens. It reads headers, greets who called, and
looks things up for them, without a credential of its own."""

import asyncio
import json
from collections.abc import Callable
from urllib.parse import unquote

import aiohttp
from aiohttp import web

EVENTS = 5
PAUSE = 0.05
"""Seconds between two events of the stream."""


def application(sidecar: Callable[[], str]) -> web.Application:
    """``/`` greets, ``/whoami`` shows the identity headers that arrived, ``/stream`` sends server-sent events.
    ``/look-up/<route>/<path>`` asks what is behind a route of the sidecar's, and ``/elsewhere`` what is behind none.

    *sidecar* gives the URL that an agent of one's own reads from ``SIDECAR_URL``.
    """

    async def look_up(request: web.Request) -> web.Response:
        return await _asked(request, f"{sidecar()}/to/{request.match_info['where']}", None)

    async def elsewhere(request: web.Request) -> web.Response:
        return await _asked(request, "http://elsewhere.example.com/", sidecar())

    app = web.Application()
    app.add_routes([web.get("/", _hello), web.get("/whoami", _whoami), web.get("/stream", _stream)])
    app.add_routes([web.get("/look-up/{where:.+}", look_up), web.get("/elsewhere", elsewhere)])
    return app


async def _asked(request: web.Request, url: str, proxy: str | None) -> web.Response:
    """What is answered at *url* to whom the caller's handle names; problems as they came."""
    handle = {"X-Identity-Invocation": request.headers["X-Identity-Invocation"]}
    async with aiohttp.ClientSession() as session, session.get(url, headers=handle, proxy=proxy) as answer:
        code = answer.headers.get("Sidecar-Error")
        return web.json_response({"status": answer.status, "code": code, "answer": await answer.text()})


async def _hello(request: web.Request) -> web.Response:
    return web.Response(text=f"hello, {_caller(request)}\n")


async def _whoami(request: web.Request) -> web.Response:
    shown = {name: _shown(name, value) for name, value in request.headers.items() if _of_identity(name)}
    answer = {"greeting": f"hello, {_caller(request)}", "headers": shown}
    return web.Response(text=json.dumps(answer, indent=2) + "\n", content_type="application/json")


async def _stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await response.prepare(request)
    for number in range(1, EVENTS + 1):
        await response.write(f"data: {number} of {EVENTS} for {_caller(request)}\n\n".encode())
        await asyncio.sleep(PAUSE)
    return response


def _caller(request: web.Request) -> str:
    return unquote(request.headers.get("X-Identity-Subject", "whoever you are"))


def _of_identity(name: str) -> bool:
    lower = name.lower().replace("_", "-")
    return lower.startswith(("x-identity-", "x-forwarded-")) or lower in {"authorization", "traceparent"}


def _shown(name: str, value: str) -> str:
    """*value*, but no credential: an agent that echoed its handle would give its caller's rights away."""
    secret = {"x-identity-invocation": "ih_… (the handle; it stays with the agent)", "authorization": "…"}
    return secret.get(name.lower(), value)
