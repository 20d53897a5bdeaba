"""The stage, set once: the APIs in a world of their own, a sidecar before them, and a call of the agent by a user."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.child import ROOT
from tests.clients.apis import APIS, AWS_KEY, AWS_SECRET, says
from tests.clients.cases import Client
from tests.clients.stage import Agent, agent, handle
from tests.clients.watch import Watch
from tests.journeys.given import given
from tests.journeys.issuer import Issuer, issuer
from tests.running import Running, serving
from tests.world import World

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


@pytest.fixture(scope="package")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("clients")
    with (
        World.standing([api.host for api in APIS.values()]) as world,
        issuer() as serves,
        agent() as called,
    ):
        world.says = says(folder / "repository")
        with serving(configured(called.url, serves, world, free_port()), folder, env=OWN) as running:
            yield Stage(world, running, called, serves, environment(running))
