"""``agent.concurrency: one``: whose calls those of clients are that know no handle and have the variables alone."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.request import Request, urlopen

import jwt
from typing_extensions import override

from tests.clients.stage import environment
from tests.journeys.given import given
from tests.journeys.issuer import Issuer
from tests.running import Running, serving
from tests.world import World

HOST = "api.example.com"


class Agent:
    """Carries nothing of what it is told: it starts curl, with *variables*, and answers with what that said."""

    def __init__(self) -> None:
        self.url = ""
        self.variables: Mapping[str, str] = {}

    def curl(self, url: str, **more: str) -> str:
        bare = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        done = subprocess.run(
            ["curl", "--silent", "--show-error", url],
            env={**bare, **self.variables, **more},
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        return done.stdout or done.stderr


@contextmanager
def agent(calls: str) -> Iterator[Agent]:
    served = Agent()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said = served.curl(calls).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        @override
        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: pytest's output is for findings."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()


def configured(issuer: Issuer, url: str, world: World, **more: Any) -> dict[str, Any]:
    """A route whose credential says for whom the call is made, which anybody may call: the agent for itself too."""
    return given(
        issuer,
        url,
        agent={"concurrency": "one", **more},
        inbound={"public_url": "https://travel.example.com"},
        providers={"next": {"type": "agent", "audience": "booking"}, "own": {"type": "bearer", "token": "the-agents"}},
        egress={
            "routes": {
                "api": {"url": world.url(HOST), "provider": "next", "paths": ["/users/"], "private": True},
                "own": {"url": world.url(HOST), "provider": "own", "paths": ["/own/"], "private": True},
            }
        },
        capabilities={
            "users": {"who": {"issuer": "shop"}, "routes": ["api"]},
            "agents": {"who": "agent", "routes": ["own"]},
        },
        audit={"subjects": "plain"},
        **world.configured,
    )


def called(running: Running, issuer: Issuer, subject: str) -> str:
    asked = Request(f"{running.url}/chat", headers={"Authorization": f"Bearer {issuer.token(subject)}"})
    with urlopen(asked, timeout=20) as answer:
        return str(answer.read().decode())


def test_a_client_with_nothing_but_the_variables_calls_for_the_open_caller(issuer: Issuer, tmp_path: Path) -> None:
    with (
        World.standing([HOST]) as world,
        agent(world.url(HOST) + "/users/me") as serves,
        serving(configured(issuer, serves.url, world), tmp_path) as running,
    ):
        serves.variables = environment(running)
        said = [called(running, issuer, subject) for subject in ("alice", "bob", "alice")]
        subjects = []
        for seen in map(json.loads, said):
            token = dict(seen["headers"])["Authorization"].removeprefix("Bearer ")
            subjects.append(jwt.decode(token, options={"verify_signature": False})["principal"]["subject"])
        assert subjects == ["alice", "bob", "alice"]


def test_between_calls_it_calls_for_nobody_and_with_the_agents_handle_for_the_agent(
    issuer: Issuer, tmp_path: Path
) -> None:
    with (
        World.standing([HOST]) as world,
        agent("") as serves,
        serving(configured(issuer, serves.url, world), tmp_path) as running,
    ):
        serves.variables = environment(running)
        own = world.url(HOST) + "/own/me"
        assert '"invocation_missing"' in serves.curl(own)
        handle = (running.state.parent / "run" / "token").read_text()
        proxy = serves.variables["HTTPS_PROXY"].replace("http://", f"http://{handle}:x@")
        assert ["Authorization", "Bearer the-agents"] in json.loads(serves.curl(own, https_proxy=proxy))["headers"]
