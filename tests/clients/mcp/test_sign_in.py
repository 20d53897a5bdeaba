"""The agent is an MCP server: a client that nobody changed signs its user in by what the sidecar says of itself."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.child import ROOT, child
from tests.clients.mcp.stage import python
from tests.clients.stage import PATH, free_port
from tests.journeys.given import configured, plain_entry
from tests.oidc_provider import CALLBACK, SECRET, OidcProvider, oidc_provider, plain
from tests.running import Running, serving

MODES = {"auto": "2026-07-28", "legacy": "2025-11-25"}
CLIENT = {
    "client_id": "web-ES256",
    "client_secret": SECRET,
    "token_endpoint_auth_method": "client_secret_post",
    "redirect_uris": [CALLBACK],
}


@dataclass(frozen=True, slots=True)
class Desk:
    running: Running
    issuer: OidcProvider
    folder: Path
    url: str

    def visit(self, mode: str, person: str, **more: Any) -> dict[str, Any]:
        plan = {"url": self.url, "mode": mode, "person": person, "client": {**CLIENT, "issuer": self.issuer.plain}}
        bare = {"PATH": PATH, "HOME": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}
        command = python("sign_in", json.dumps(plan | more))
        answer = subprocess.run(command, cwd=ROOT, env=bare, capture_output=True, text=True, timeout=50, check=False)
        assert answer.returncode == 0, answer.stderr
        found: dict[str, Any] = json.loads(answer.stdout)
        return found


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder, port, own = tmp_path_factory.mktemp("sign-in"), free_port(), free_port()
    url = f"http://127.0.0.1:{own}/mcp"
    bare = {"PATH": PATH, "HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    with (
        oidc_provider(folder) as issuer,
        child(python("fast", str(port)), folder, "fast", env=bare) as agent,
    ):
        agent.said("Uvicorn running")
        configuration = configured(
            f"http://127.0.0.1:{port}",
            {"staff": plain_entry(issuer, audience=url)},
            inbound={
                "listen": f"127.0.0.1:{own}",
                "public_url": url,
                "who": {"all": [{"scopes": ["calendar.read"]}, {"scopes": ["travel.book"]}]},
            },
            audit={"subjects": "plain"},
        )
        with serving(configuration, folder) as running:
            yield Desk(running, issuer, folder, url)


@pytest.mark.parametrize("mode", MODES)
async def test_a_client_that_knows_nothing_finds_the_issuer_and_asks_for_what_it_takes(desk: Desk, mode: str) -> None:
    said = await asyncio.to_thread(desk.visit, mode, "alice")
    (asked,) = said["asked"]
    assert asked["resource"] == desk.url
    assert {"calendar.read", "travel.book"} <= set(asked["scope"].split())
    assert (said["version"], said["told"]) == (MODES[mode], "this is look_up")
    assert said["tools"]
    opened = await desk.running.event(lambda event: event["name"] == "identity.init")
    assert opened["attributes"]["identity.principal.subject"] == "alice"


async def test_a_client_whose_token_lacks_a_scope_steps_up(desk: Desk) -> None:
    shape = replace(plain(desk.issuer.plain, "ES256"), resource=desk.url)
    narrow = await desk.issuer.login(shape, "alice", scope="openid calendar.read")
    tokens = {"access_token": narrow.access, "token_type": "Bearer", "scope": "openid calendar.read"}
    said = await asyncio.to_thread(desk.visit, "auto", "alice", tokens=tokens)
    (asked,) = said["asked"]
    assert {"calendar.read", "travel.book"} <= set(asked["scope"].split())
    assert said["told"] == "this is look_up"
    refused = await desk.running.event(
        lambda event: event["name"] == "identity.rejected" and event["attributes"]["error.type"] == "not_permitted"
    )
    assert "inbound.who" in refused["attributes"]["identity.reason"]
