"""An agent that knows of no handle: FastAPI, and the clients in this folder. Instrumented from outside, or not.

``opentelemetry-instrument python -m uvicorn tests.clients.agent:app``. ``GET /CLIENT?url=…`` asks the API at that URL,
in a task where the client is one for asyncio, else in a thread.
"""

import importlib
from typing import Any

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

PLACEHOLDER = "a-placeholder"

app = FastAPI()


@app.get("/{client}")
async def ask(client: str, url: str) -> dict[str, str]:
    module: Any = importlib.import_module(f"tests.clients.{client}")
    if hasattr(module, "ask"):
        return {"name": await module.ask(url, PLACEHOLDER)}
    return {"name": await run_in_threadpool(module.call, url, PLACEHOLDER)}
