"""Who takes part: the APIs, the sidecar before them, an agent that was called by a user, and the clients' processes."""

import json
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.request import Request, urlopen

from typing_extensions import override

from tests.child import ROOT
from tests.clients.apis import APIS, AWS_KEY, AWS_SECRET
from tests.clients.cases import Client, Start
from tests.clients.watch import Watch
from tests.journeys.given import given
from tests.journeys.issuer import Issuer
from tests.running import Running
from tests.world import World

SECONDS = 50.0
PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(slots=True)
class Agent:
    """Answers everything with an empty page, and remembers by whose handle it was called."""

    url: str = ""
    handles: list[str] = field(default_factory=list, repr=False)


@contextmanager
def agent() -> Iterator[Agent]:
    called = Agent()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            called.handles.append(self.headers["X-Identity-Invocation"])
            self.send_response(204)
            self.end_headers()

        @override
        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: pytest's output is for findings."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        called.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield called
        finally:
            server.shutdown()
            thread.join()


def handle(called: Agent, inbound: str, issuer: Issuer, subject: str, **claims: Any) -> str:
    """Call the agent through the sidecar as *subject*: the handle of that call, which is over but lingers."""
    asked = Request(f"{inbound}/chat", headers={"Authorization": f"Bearer {issuer.token(subject, **claims)}"})
    with urlopen(asked, timeout=10):
        return called.handles[-1]


def run(starts: Sequence[Start], variables: Mapping[str, str]) -> tuple[str, str]:
    """Start all at once, with nothing but *variables* and their own; what they print, and what they complain of."""
    with tempfile.TemporaryDirectory(prefix="home-") as home:
        bare = {"PATH": PATH, "HOME": home, "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", **variables}
        running = [
            subprocess.Popen(
                start.command,
                env={**bare, **start.variables},
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for start in starts
        ]
        told = [process.communicate(timeout=SECONDS) for process in running]
    return "".join(f"{out.strip()}\n" for out, _ in told if out.strip()), "".join(error for _, error in told)


OWN = {"AWS_ACCESS_KEY_ID": AWS_KEY, "AWS_SECRET_ACCESS_KEY": AWS_SECRET}
"""The sidecar's variables, which are none of the agent's."""


@dataclass(frozen=True, slots=True)
class Stage:
    """All is up."""

    world: World
    sidecar: Running
    agent: Agent
    issuer: Issuer
    variables: Mapping[str, str] = field(repr=False)
    """What ``sidecar env`` says."""

    @property
    def egress(self) -> str:
        return self.variables["SIDECAR_URL"]

    @property
    def token(self) -> str:
        """The agent's own handle."""
        return Path(self.sidecar.state.parent, "run", "token").read_text()

    def watch(self, client: Client) -> Watch:
        return Watch(self.world, self.sidecar, client)

    def handle(self, subject: str = "alice") -> str:
        return handle(self.agent, self.sidecar.url, self.issuer, subject)

    def as_user(self, handle: str) -> Mapping[str, str]:
        """The variables with *handle* as the user of the proxy's URL, in place of the agent's own."""
        return {name: value.replace(self.token, handle) for name, value in self.variables.items()}


def configured(agent_url: str, serves: Issuer, world: World, egress: int) -> dict[str, Any]:
    """Every API on a route of its own, for the agent and whoever calls it."""
    routes = {name: {"url": world.url(api.host), "provider": name, "private": True} for name, api in APIS.items()}
    return given(
        serves,
        agent_url,
        providers={name: api.provider for name, api in APIS.items()},
        egress={"listen": f"127.0.0.1:{egress}", "routes": routes},
        capabilities={
            "own": {"who": "agent", "routes": [*APIS]},
            "credentials": {"who": "agent", "provider": "sts"},
        },
        invocation={"linger": "10m", "baggage": True},
        audit={"subjects": "plain"},
        **world.configured,
    )


def environment(running: Running) -> Mapping[str, str]:
    """What ``sidecar env`` says, of a sidecar that runs."""
    command = [sys.executable, "-m", "sidecar", "env", "--config", str(running.config), "--format", "json"]
    said = subprocess.run(command, cwd=ROOT, env={}, capture_output=True, text=True, check=True).stdout
    found: Mapping[str, str | None] = json.loads(said)
    return {name: value for name, value in found.items() if value is not None}


def free_port() -> int:
    """The port must be known beforehand: ``sidecar env`` reads the file."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
