"""A sample agent to put the sidecar in front of: an HTTP server that reads who called from headers.

It listens on loopback, which it shares with the sidecar: whoever wants to talk to it has to pass there. The standard
library is all it takes; ``AGENT_PORT`` moves it from 8000.
"""

import json
import os
import signal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType
from typing import NoReturn

OWN = "x-identity-invocation"  # the handle is for the agent's own calls; an answer that showed it would give it away


class Agent(BaseHTTPRequestHandler):
    """Tells every caller who they are."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        told = {name: value for name, value in self.headers.items() if name.lower().startswith("x-identity-")}
        told.pop(next((name for name in told if name.lower() == OWN), OWN), None)
        body = json.dumps({"hello": self.headers.get("X-Identity-Subject"), "who": told}, indent=2).encode() + b"\n"
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("AGENT_PORT", "8000"))), Agent).serve_forever()
