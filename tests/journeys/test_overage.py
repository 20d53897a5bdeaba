"""More groups than Entra names in a token, before the real sidecar and under Microsoft's own names: asked of Graph, or
unknown, and never taken for none."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import aiohttp
from aiohttp import web

from sidecar.demo.server import serving
from tests.journeys.given import bearer
from tests.journeys.patience import until
from tests.minting import Signer, signer
from tests.running import Running, sidecar
from tests.world import Answer, Seen, World

LOGIN, GRAPH = "login.microsoftonline.com", "graph.microsoft.com"
TENANT, ALICE = "4f2d0000-0000-4000-8000-00000000000a", "01d00000-0000-4000-8000-000000000001"
URL = f"https://{LOGIN}/{TENANT}/v2.0"
SALES = "0f0f0000-0000-4000-8000-0000000000ff"
GROUPS = [f"0f0f0000-0000-4000-8000-{number:012d}" for number in range(250)]


@dataclass
class Stage:
    running: Running
    world: World
    client: aiohttp.ClientSession
    signing: Signer
    graph: dict[str, Any]
    """What Graph says: its ``status`` and ``groups``."""
    seen: list[dict[str, str]] = field(default_factory=list)
    """The agent's headers."""

    def token(self, **claims: Any) -> str:
        now = int(time.time())
        usual = {
            "iss": URL,
            "aud": "api://travel",
            "iat": now,
            "exp": now + 300,
            "oid": ALICE,
            "sub": "pairwise",
            "tid": TENANT,
            "scp": "Travel.Read",
            "ver": "2.0",
            "_claim_names": {"groups": "src1"},
            "_claim_sources": {
                "src1": {"endpoint": f"https://graph.windows.net/{TENANT}/users/{ALICE}/getMemberObjects"}
            },
        }
        return self.signing.mint(
            {name: value for name, value in (usual | claims).items() if value is not None}
        ).decode()

    async def call(self, token: str) -> tuple[int, dict[str, str]]:
        self.seen.clear()
        async with self.client.get(self.running.url, headers=bearer(token)) as answer:
            return answer.status, self.seen[-1] if self.seen else {}

    def asked(self) -> list[str]:
        """What was asked of Graph, and of Entra for it."""
        return [each.target for each in self.world.requests if each.host == GRAPH or each.method == "POST"]


@asynccontextmanager
async def stage(folder: Path, **more: Any) -> AsyncIterator[Stage]:
    at: list[Stage] = []
    signing = signer("RS256")
    graph: dict[str, Any] = {"status": 200, "groups": [*GROUPS, SALES]}

    def entra(seen: Seen) -> Answer:
        if seen.target.endswith("/openid-configuration"):
            said: dict[str, Any] = {"issuer": URL, "jwks_uri": f"https://{LOGIN}/{TENANT}/discovery/v2.0/keys"}
        elif seen.target.endswith("/keys"):
            said = {"keys": [signing.jwk()]}
        else:
            assert seen.target == f"/{TENANT}/oauth2/v2.0/token"
            form = parse_qs(seen.body.decode())
            assert (form["client_id"], form["client_secret"]) == (["the-client"], ["the-secret"])
            said = {"access_token": "graphs", "token_type": "Bearer", "expires_in": 3599}
        return Answer(200, [("Content-Type", "application/json")], json.dumps(said).encode())

    def microsoft_graph(seen: Seen) -> Answer:
        assert seen.values("authorization") == ["Bearer graphs"]
        assert seen.target == f"/v1.0/users/{ALICE}/getMemberGroups"
        body = {"value": graph["groups"]} if graph["status"] == 200 else {"error": {"code": "ServiceUnavailable"}}
        return Answer(graph["status"], [("Content-Type", "application/json")], json.dumps(body).encode(), seconds=0.1)

    async def agent(request: web.Request) -> web.Response:
        at[0].seen.append(dict(request.headers))
        return web.Response()

    app = web.Application()
    app.router.add_get("/", agent)
    async with World([LOGIN, GRAPH]) as world, serving(app) as url, aiohttp.ClientSession() as client:
        world.says[LOGIN], world.says[GRAPH] = entra, microsoft_graph
        login = {"client_id": "the-client", "client_secret": {"env": "THE_SECRET"}}
        staff = {"type": "entra", "tenant": TENANT, "audience": "api://travel", "groups": "graph", "login": login}
        given = {**world.configured, "agent": {"name": "travel", "url": url}, "issuers": {"staff": {**staff, **more}}}
        given["inbound"] = {"who": {"groups": [SALES]}, "groups": "named"}
        async with sidecar(given, folder, env={"THE_SECRET": "the-secret"}) as running:
            at.append(Stage(running, world, client, signing, graph))
            yield at[0]


async def test_a_user_in_hundreds_of_groups_is_let_in_by_one_of_them_and_graph_is_asked_once(tmp_path: Path) -> None:
    async with stage(tmp_path) as at:
        tokens = [at.token(uti=f"u{number}") for number in range(30)]
        answers = await asyncio.gather(*(at.call(token) for token in tokens))
        assert {status for status, _ in answers} == {200}
        status, headers = await at.call(tokens[0])
        assert (status, headers["X-Identity-Groups"]) == (200, SALES)
        assert "X-Identity-Groups-Unknown" not in headers
        assert at.asked() == [f"/{TENANT}/oauth2/v2.0/token", f"/v1.0/users/{ALICE}/getMemberGroups"]
        few = at.token(_claim_names=None, _claim_sources=None, groups=[GROUPS[0]])
        assert (await at.call(few))[0] == 403, "what a token says is not asked about"
        assert len(at.asked()) == 2


async def test_while_graph_fails_they_are_unknown_and_soon_after_they_are_not(tmp_path: Path) -> None:
    async with stage(tmp_path) as at:
        at.graph["status"] = 503
        token = at.token()
        assert (await at.call(token))[0] == 403
        at.graph["status"] = 200
        assert await until(lambda: _is_let_in(at, token), 15)
        assert (await at.call(token))[1]["X-Identity-Groups"] == SALES
        assert "Microsoft Graph was answered with status 503" in at.running.stderr


async def _is_let_in(at: Stage, token: str) -> bool:
    return (await at.call(token))[0] == 200


async def test_where_nobody_is_to_be_asked_they_are_unknown(tmp_path: Path) -> None:
    async with stage(tmp_path, groups="token") as at:
        assert (await at.call(at.token()))[0] == 403
        assert at.asked() == []
