"""The control socket's application and the commands' client, over a real unix socket."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from sidecar.ops import client, control
from sidecar.ops.status import IssuerStatus, JournalStatus, Reloaded, Status
from tests.ops.conftest import ServeUnix

STATUS = Status(
    version="0.1.0",
    uptime=12.5,
    unready=(),
    listeners={"inbound": "http://127.0.0.1:8080", "health": "http://127.0.0.1:9090"},
    issuers={"okta": IssuerStatus(keys=2, age=61.0, failure=None)},
    journal=JournalStatus(fill=0.25, lost=0, rejected=3),
    config="config/sidecar.yaml",
    digest="ab" * 32,
    notes=("providers: has no effect yet",),
)


class Running:
    """A sidecar's answers, and how often it was told to reload."""

    def __init__(self, status: Status = STATUS, outcome: Reloaded | None = None) -> None:
        self._status = status
        self._outcome = outcome or Reloaded(digest="cd" * 32, changed=True)
        self.reloads = 0

    def status(self) -> Status:
        return self._status

    async def reload(self) -> Reloaded:
        await asyncio.sleep(0)
        self.reloads += 1
        return self._outcome


async def ask(path: Path, method: str, target: str) -> dict[str, object]:
    return await asyncio.to_thread(client.ask, path, method, target)


async def test_status_tells_everything_an_operator_needs(serve_unix: ServeUnix) -> None:
    running = Running()
    path = await serve_unix(control.application(status=running.status, reload=running.reload))
    assert await ask(path, "GET", "/status") == {
        "version": "0.1.0",
        "uptime": 12.5,
        "ready": True,
        "unready": [],
        "listeners": {"inbound": "http://127.0.0.1:8080", "health": "http://127.0.0.1:9090"},
        "issuers": {"okta": {"keys": 2, "age": 61.0, "failure": None}},
        "journal": {"fill": 0.25, "lost": 0, "rejected": 3, "failure": None},
        "config": "config/sidecar.yaml",
        "digest": "ab" * 32,
        "restart": [],
        "notes": ["providers: has no effect yet"],
    }


async def test_status_says_why_the_sidecar_is_not_ready(serve_unix: ServeUnix) -> None:
    running = Running(replace(STATUS, unready=("the journal takes no events: full",)))
    path = await serve_unix(control.application(status=running.status, reload=running.reload))
    answer = await ask(path, "GET", "/status")
    assert (answer["ready"], answer["unready"]) == (False, ["the journal takes no events: full"])


async def test_a_reload_answers_with_its_outcome(serve_unix: ServeUnix) -> None:
    running = Running(outcome=Reloaded(digest="cd" * 32, changed=True, restart=("inbound.listen",)))
    path = await serve_unix(control.application(status=running.status, reload=running.reload))
    answer = await ask(path, "POST", "/reload")
    assert answer == {
        "taken": True,
        "digest": "cd" * 32,
        "changed": True,
        "problems": [],
        "restart": ["inbound.listen"],
        "notes": [],
    }
    assert running.reloads == 1


async def test_a_reload_that_was_refused_says_what_is_wrong(serve_unix: ServeUnix) -> None:
    running = Running(outcome=Reloaded(digest="ab" * 32, problems=("sidecar.yaml:3  agent.url  is missing",)))
    path = await serve_unix(control.application(status=running.status, reload=running.reload))
    answer = await ask(path, "POST", "/reload")
    assert (answer["taken"], answer["problems"]) == (False, ["sidecar.yaml:3  agent.url  is missing"])


async def test_looking_never_reloads(serve_unix: ServeUnix) -> None:
    running = Running()
    path = await serve_unix(control.application(status=running.status, reload=running.reload))
    with pytest.raises(client.Unanswered):
        await ask(path, "GET", "/reload")
    assert running.reloads == 0
