"""Who takes part: travel desks by servers that nobody here wrote, the sidecar before them, and those who visit them."""

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.certificates import Certificates
from tests.child import ROOT, TICK, Child, child
from tests.clients.mcp.desk import TOOLS
from tests.clients.stage import PATH, Agent, agent, environment, free_port, handle
from tests.counterparts import NODE_FOLDER, clients, node
from tests.journeys.given import given
from tests.journeys.issuer import Issuer, issuer
from tests.running import Running, serving

SECONDS, RECORDED_SECONDS = 50.0, 5.0
DESKS = ("native", "fast", "typescript")
HOST = "desk.example.com"
"""Where the one of the ``mcp`` package is; the others have addresses alone."""
CAPABILITIES: Mapping[str, Any] = {
    "look": {"who": {"subject": ["alice", "erin"]}, "tools": ["find_trips", "book_trip", "list_*", "count"]},
    "everything": {"who": {"subject": ["bob"]}, "routes": []},
    "small-change": {"who": {"subject": ["dave"]}, "tools": ["pay"], "arguments": {"amount": [3, 5]}},
}
"""Of every desk; carol has none."""
OWN: Mapping[str, Any] = {"own": {"who": "agent", "tools": ["typescript/look_up"]}}
"""What the agent may itself, and therefore whoever it works for."""
CROWD: Mapping[str, Any] = {
    f"crowd-{tool}": {"who": {"groups": [f"may-{tool}"]}, "tools": [f"fast/{tool}"]} for tool in TOOLS
}
"""One desk's tools, each for a group of its own."""


def python(module: str, *words: str) -> Sequence[str]:
    return [str(clients() / "python"), "-m", f"tests.clients.mcp.{module}", *words]


def script(name: str, *words: str) -> Sequence[str]:
    return [node("@modelcontextprotocol/client"), str(NODE_FOLDER / "mcp" / f"{name}.mjs"), *words]


def _capabilities(desks: Sequence[str]) -> dict[str, Any]:
    """``CAPABILITIES``, for each of these desks."""
    found = {}
    for name, capability in CAPABILITIES.items():
        whole = dict(capability)
        if "tools" in whole:
            whole["tools"] = [f"{desk}/{tool}" for desk in desks for tool in capability["tools"]]
        else:
            whole["routes"] = [*desks]
        found[name] = whole
    return found


@dataclass(frozen=True, slots=True)
class Stage:
    """All is up."""

    sidecar: Running
    agent: Agent
    issuer: Issuer
    https: str
    """The URL of the desk that has one for the world."""
    variables: Mapping[str, str] = field(repr=False)
    """What ``sidecar env`` says."""
    _configured: Mapping[str, Any] = field(repr=False)

    @property
    def capabilities(self) -> Mapping[str, Any]:
        """Those that it was set up with."""
        found: Mapping[str, Any] = self._configured["capabilities"]
        return found

    def reconfigure(self, capabilities: Mapping[str, Any]) -> None:
        """Let the sidecar go by other *capabilities* from now on."""
        self.sidecar.write({**self._configured, "capabilities": dict(capabilities)})
        self.sidecar.reload()

    @property
    def egress(self) -> str:
        return self.variables["SIDECAR_URL"]

    @property
    def token(self) -> str:
        """The agent's own handle."""
        return Path(self.sidecar.state.parent, "run", "token").read_text()

    def handle(self, subject: str, **claims: Any) -> str:
        return handle(self.agent, self.sidecar.url, self.issuer, subject, **claims)

    def tools(self, event: str, subject: str, last: str) -> set[str]:
        """Those that the record has an *event* of, of *subject*'s; it waits for *last*."""
        deadline = time.monotonic() + RECORDED_SECONDS
        while last not in (found := self._tools(event, subject)) and time.monotonic() < deadline:
            time.sleep(5 * TICK)
        return found

    def _tools(self, event: str, subject: str) -> set[str]:
        told = (each["attributes"] for each in self.sidecar.events() if each["name"] == event)
        return {said["identity.tool"] for said in told if said.get("identity.principal.subject") == subject}

    def base(self, desk: str) -> str:
        """Where a client with a base URL asks for *desk*."""
        return f"{self.egress}/to/{desk}"


@contextmanager
def desks(names: Sequence[str], folder: Path) -> Iterator[tuple[Mapping[str, str], Path]]:
    """Start them; the URL of each, and whose certificates they show."""
    certificates = Certificates()
    authority, chain = certificates.write(folder / "authority.pem"), folder / "desk.pem"
    chain.write_bytes(certificates.chain(HOST))
    ports = {name: free_port() for name in names}
    urls = {name: f"http://127.0.0.1:{port}/mcp" for name, port in ports.items()}
    urls["native"] = f"https://{HOST}:{ports['native']}/mcp"
    commands = {
        "native": python("native", str(ports["native"]), str(chain)),
        "fast": python("fast", str(ports.get("fast"))),
        "typescript": script("server", str(ports.get("typescript"))),
    }
    bare = {"PATH": PATH, "HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    with ExitStack() as stack:
        started: list[Child] = [stack.enter_context(child(commands[name], folder, name, env=bare)) for name in names]
        for each in started:
            each.said(r"^ready|Uvicorn running")
        yield urls, authority


@contextmanager
def stage(folder: Path, names: Sequence[str] = DESKS) -> Iterator[Stage]:
    with desks(names, folder) as (urls, authority), issuer() as serves, agent() as called:
        configured = given(
            serves,
            called.url,
            egress={
                "listen": f"127.0.0.1:{free_port()}",
                "routes": {name: {"url": url, "mcp": True, "private": True} for name, url in urls.items()},
            },
            capabilities={**_capabilities(names), **({**OWN, **CROWD} if names == DESKS else {})},
            invocation={"linger": "10m"},
            tls={"ca_file": str(authority)},
            resolve={HOST: "127.0.0.1"},
            audit={"subjects": "plain"},
        )
        with serving(configured, folder) as running:
            yield Stage(running, called, serves, urls["native"], environment(running), configured)


@dataclass(frozen=True, slots=True)
class Visitor:
    """A client that nobody here wrote."""

    name: str
    command: Sequence[str]
    """What the plan of its visits is added to."""

    def visit(self, plans: Sequence[Mapping[str, Any]], variables: Mapping[str, str]) -> list[dict[str, Any]]:
        """What each came to: see ``visit.py``. It has *variables* and nothing else."""
        with tempfile.TemporaryDirectory(prefix="home-") as home:
            bare = {"PATH": PATH, "HOME": home, "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", **variables}
            command = [*self.command, json.dumps(plans)]
            done = subprocess.run(
                command, cwd=ROOT, env=bare, capture_output=True, text=True, timeout=SECONDS, check=False
            )
        assert done.returncode == 0, done.stderr
        told: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])  # before it, the SDK may warn
        return told


def visitors() -> Mapping[str, Visitor]:
    """By name."""
    found = (
        Visitor("mcp", python("visit", "by_mcp")),
        Visitor("fastmcp", python("visit", "by_fastmcp")),
        Visitor("typescript", script("client")),
    )
    return {visitor.name: visitor for visitor in found}
