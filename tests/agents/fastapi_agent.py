"""An agent as people write them: FastAPI, run by uvicorn, with nothing in it that knows of a sidecar.

``python -m uvicorn tests.agents.fastapi_agent:app --port 0``. The Node agent, beside the other Node counterparts,
has the same paths.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import StreamingResponse

BLOCK = bytes(range(256)) * 1024
"""What a download repeats: 256 KiB."""

app = FastAPI()
gone: dict[str, float] = {}
"""Name of a call → seconds of the machine's monotonic clock at which its caller was seen to have left."""
started: list[str] = []


@app.api_route("/echo/{rest:path}", methods=["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
@app.api_route("/echo", methods=["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def echo(request: Request) -> dict[str, Any]:
    """The request as it arrived, headers in their order."""
    body = await request.body()
    return {
        "method": request.method,
        "path": request.scope["raw_path"].decode("latin-1"),
        "query": request.scope["query_string"].decode("latin-1"),
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in request.headers.raw],
        "body": body.decode("latin-1"),
    }


@app.get("/events")
async def events(n: int, pause: float = 0.0, size: int = 0, name: str = "") -> StreamingResponse:
    """``n`` server-sent events; ``pause`` seconds between them, ``size`` bytes of filling in each."""

    async def stream() -> AsyncIterator[bytes]:
        filling = b"x" * size
        try:
            for i in range(n):
                yield b"id: %d\ndata: %d %b\n\n" % (i, i, filling)
                if pause:
                    await asyncio.sleep(pause)
        except asyncio.CancelledError:
            gone[name] = time.monotonic()
            raise

    return StreamingResponse(stream(), media_type="text/event-stream", headers={"Cache-Control": "no-cache"})


@app.websocket("/ws")
async def websocket(socket: WebSocket) -> None:
    """Says the headers first, then whatever it is told."""
    await socket.accept()
    await socket.send_json(dict(socket.headers))
    try:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                break
            if (text := message.get("text")) is not None:
                await socket.send_text(text)
            else:
                await socket.send_bytes(message["bytes"])
    except WebSocketDisconnect:
        return


@app.api_route("/sink", methods=["POST", "PUT"])
async def sink(request: Request, pause: float = 0.0) -> dict[str, Any]:
    """Counts and hashes the body as it comes; ``pause`` seconds before the first byte is read."""
    await asyncio.sleep(pause)
    count, digest = 0, hashlib.sha256()
    async for chunk in request.stream():
        count += len(chunk)
        digest.update(chunk)
    return {"bytes": count, "sha256": digest.hexdigest()}


@app.get("/download")
async def download(n: int) -> StreamingResponse:
    """``n`` bytes of ``BLOCK``, over and over, their length said beforehand."""

    async def stream() -> AsyncIterator[bytes]:
        whole, rest = divmod(n, len(BLOCK))
        for _ in range(whole):
            yield BLOCK
        yield BLOCK[:rest]

    headers = {"Content-Length": str(n)}
    return StreamingResponse(stream(), media_type="application/octet-stream", headers=headers)


@app.get("/slow")
async def slow(seconds: float, name: str = "") -> dict[str, float]:
    """Answers after ``seconds``."""
    started.append(name)
    await asyncio.sleep(seconds)
    return {"seconds": seconds}


@app.api_route("/wait", methods=["GET", "POST"])
async def wait(request: Request, name: str) -> dict[str, str]:
    """Works until its caller leaves, and notes when that was seen."""
    started.append(name)
    await request.body()
    while not await request.is_disconnected():  # noqa: ASYNC110 - Starlette has no event for it
        await asyncio.sleep(0.01)
    gone[name] = time.monotonic()
    return {"name": name}


@app.get("/seen")
async def seen() -> dict[str, Any]:
    """Which calls started, and when their callers left."""
    return {"started": started, "gone": gone}


@app.api_route("/status/{code}", methods=["GET", "HEAD", "POST"])
async def status(code: int) -> Response:
    """An empty answer with that status."""
    return Response(status_code=code)


@app.api_route("/page", methods=["GET", "HEAD"])
async def page() -> Response:
    """Five bytes, also to HEAD's length."""
    return Response(b"hello", media_type="text/plain", headers={"ETag": '"1"'})


@app.post("/early")
async def early() -> Response:
    """Answers without reading the body."""
    return Response(b"too much", status_code=413, headers={"Connection": "close"})


@app.post("/say")
async def say(request: Request) -> Response:
    """Answers as it is told to: ``{"status", "headers": [[name, value]], "body"}``."""
    told = await request.json()
    response = Response(told.get("body", "").encode(), status_code=told.get("status", 200))
    response.raw_headers.extend((name.encode(), value.encode()) for name, value in told.get("headers", []))
    return response
