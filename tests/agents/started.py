"""The sample agents, started as real processes on ports of their own."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests.child import child
from tests.counterparts import NODE_FOLDER, node

Start = Callable[[Path], AbstractContextManager[str]]


@contextmanager
def fastapi_agent(folder: Path) -> Iterator[str]:
    """FastAPI on uvicorn; yields its URL."""
    uvicorn = [sys.executable, "-m", "uvicorn", "--port", "0", "--ws", "websockets-sansio"]
    with child([*uvicorn, "tests.agents.fastapi_agent:app"], folder, "fastapi-agent") as process:
        yield process.said(r"Uvicorn running on (http://127\.0\.0\.1:\d+)")[1]


@contextmanager
def node_agent(folder: Path) -> Iterator[str]:
    """Node's own http server; yields its URL."""
    with child([node("ws"), str(NODE_FOLDER / "agent.mjs")], folder, "node-agent") as process:
        yield json.loads(process.said(r'^\{"ready":.*\}$')[0])["ready"]["agent"]


AGENTS: dict[str, Start] = {"fastapi": fastapi_agent, "node": node_agent}
