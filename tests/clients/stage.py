"""Who takes part: the APIs, the sidecar before them, an agent that was called by a user, and the clients' processes."""

import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.request import Request, urlopen

from typing_extensions import override

from tests.child import ROOT
from tests.clients.cases import Start
from tests.journeys.issuer import Issuer

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


def handle(called: Agent, inbound: str, issuer: Issuer, subject: str) -> str:
    """Call the agent through the sidecar as *subject*: the handle of that call, which is over but lingers."""
    asked = Request(f"{inbound}/chat", headers={"Authorization": f"Bearer {issuer.token(subject)}"})
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
