"""A user says yes once: the real sidecar before a certified server, which is the users' issuer and the provider."""

import asyncio
import html
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
import jwt
from aiohttp import web

from sidecar.demo.server import serving
from tests.journeys.given import bearer
from tests.oidc_provider import SECRET, OidcProvider, oidc_provider, plain
from tests.oidc_provider import _answers as answers
from tests.running import Running, sidecar
from tests.world import World

API, READ = "api.example.com", "calendar.read"
NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@dataclass
class Stage:
    running: Running
    world: World
    certified: OidcProvider
    client: aiohttp.ClientSession
    public_url: str
    handles: dict[str, str] = field(default_factory=dict)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    calls: list[asyncio.Task[None]] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    """``Link`` of the answers to users' own calls."""

    async def handle(self, person: str) -> str:
        """Of a call of theirs that stays open."""
        tokens = await self.certified.login(plain(self.certified.plain, "ES256"), person)

        async def call() -> None:
            async with self.client.get(self.running.url, headers=bearer(tokens.access)) as answer:
                assert answer.status == 200, await answer.text()
                self.links += answer.headers.getall("Link", [])

        self.calls.append(asyncio.ensure_future(call()))
        for _ in range(500):
            if person in self.handles:
                break
            await asyncio.sleep(0.01)
        return self.handles[person]

    async def ask(self, method: str, path: str, handle: str, **more: Any) -> tuple[int, Any]:
        url = self.running.listener("egress") + path
        async with self.client.request(method, url, headers=bearer(handle), **more) as answer:
            text = await answer.text()
            return answer.status, await answer.json(content_type=None) if text else None

    async def token(self, handle: str) -> tuple[int, Any]:
        return await self.ask("POST", "/v1/token", handle, json={"provider": "calendar", "scopes": [READ]})

    async def agree(self, url: str, person: str) -> None:
        """The whole way of *person*'s browser from the link on, every form filled in."""
        method, fields, origin = "GET", dict[str, str](), "{0.scheme}://{0.netloc}".format(urlsplit(self.public_url))
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
            for _ in range(40):
                same = method == "POST" and url.startswith(origin)
                sent = {**NAVIGATION, "Sec-Fetch-Site": "same-origin" if same else "cross-site"}
                if same:
                    sent["Origin"] = origin
                data = fields if method == "POST" else None
                async with browser.request(method, url, data=data, headers=sent, allow_redirects=False) as answer:
                    location, page = answer.headers.get("Location"), await answer.text()
                    assert answer.status in (200, 302, 303), page
                method, fields = "GET", {}
                onward = re.search(r'http-equiv="refresh" content="0; url=([^"]*)"', page)
                forms = re.findall(r'<form[^>]*action="([^"]+)"[^>]*>(.*?)</form>', page, re.DOTALL)
                form = next((each for each in forms if not each[0].endswith("sign-out")), None)
                if location is not None:
                    url = urljoin(url, location)
                elif onward is not None:
                    url = html.unescape(onward[1])
                elif form is None:
                    return
                else:
                    method, url = "POST", urljoin(url, html.unescape(form[0]))
                    hidden = re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', form[1])
                    ours = {name: html.unescape(value) for name, value in hidden}
                    fields = ours if url.startswith(origin) else answers(page, person)
            raise AssertionError("the way never came to its end")


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Stage]:
    at: list[Stage] = []

    async def agent(request: web.Request) -> web.Response:
        at[0].handles[request.headers["X-Identity-Subject"]] = request.headers["X-Identity-Invocation"]
        await at[0].done.wait()
        return web.Response()

    app = web.Application()
    app.router.add_get("/{path:.*}", agent)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    public_url = f"http://127.0.0.1:{port}"
    by_code = {"alg": "ES256", "grants": ["authorization_code", "refresh_token"]}
    clients = {
        "staff": {**by_code, "redirects": [f"{public_url}/login/staff"]},
        "calendar": {**by_code, "redirects": [f"{public_url}/callback/calendar"]},
    }
    with oidc_provider(folder, clients=clients, rotates=True) as certified:
        async with World([API]) as world, serving(app) as url, aiohttp.ClientSession() as client:
            client_secret = {"env": "CLIENT_SECRET"}
            given: dict[str, Any] = {
                **world.configured,
                "agent": {"name": "travel-agent", "url": url},
                "issuers": {
                    "staff": {
                        "type": "oidc",
                        "issuer": certified.plain,
                        "audience": "https://travel.example/",
                        "login": {"client_id": "staff", "client_secret": client_secret, "scopes": ["openid", "email"]},
                    }
                },
                "providers": {
                    "calendar": {
                        "type": "oauth2",
                        "discovery": certified.plain,
                        "client_id": "calendar",
                        "client_secret": client_secret,
                        "client_auth": "post",
                        "resource": "https://api.example.com/",
                        "hand_out": True,
                    }
                },
                "egress": {
                    "routes": {
                        "api": {"url": world.url(API), "provider": "calendar", "scopes": [READ], "private": True}
                    }
                },
                "capabilities": {"read": {"who": "any", "provider": "calendar", "scopes": [READ], "routes": ["api"]}},
                "consent": {"public_url": public_url, "listen": f"127.0.0.1:{port}"},
                "audit": {"subjects": "plain"},
                "development": True,
            }
            async with sidecar(given, folder, env={"CLIENT_SECRET": SECRET}) as running:
                at.append(Stage(running, world, certified, client, public_url))
                try:
                    yield at[0]
                finally:
                    at[0].done.set()
                    await asyncio.gather(*at[0].calls)


async def test_a_user_says_yes_once_and_their_calls_go_out_in_their_name(tmp_path: Path) -> None:
    async with stage(tmp_path) as at:
        alice, carol = await at.handle("alice"), await at.handle("carol")
        status, refused = await at.ask("GET", "/to/api/events", alice)
        assert (status, refused["code"]) == (403, "consent_required")
        assert refused["authorization_url"].startswith(f"{at.public_url}/connect/")
        session = refused["session"]
        assert await at.ask("GET", f"/v1/consents/{session}", alice) == (200, {"status": "pending"})
        assert await at.ask("GET", f"/v1/consents/{session}", carol) == (200, {"status": "expired"})

        await at.agree(refused["authorization_url"], "alice")
        assert await at.ask("GET", f"/v1/consents/{session}", alice) == (200, {"status": "granted"})
        for _ in range(2):
            assert (await at.ask("GET", "/to/api/events", alice))[0] == 200
        seen = {request.values("authorization")[0] for request in at.world.requests}
        (authorization,) = seen
        claims = jwt.decode(authorization.removeprefix("Bearer "), options={"verify_signature": False})
        assert (claims["sub"], claims["scope"], claims["client_id"]) == ("alice", READ, "calendar")
        status, token = await at.token(alice)
        assert (status, token["access_token"], token["scopes"]) == (200, authorization.removeprefix("Bearer "), [READ])

        status, refused = await at.token(carol)
        assert (status, refused["code"]) == (403, "consent_required")
        ((connection,),) = [(await at.ask("GET", "/v1/connections", alice))[1]["connections"]]
        assert (connection["provider"], connection["scopes"], connection["usable"]) == ("calendar", [READ], True)
        assert (await at.ask("GET", "/v1/connections", carol))[1] == {"connections": []}

        assert (await at.ask("DELETE", "/v1/connections/calendar", alice))[0] == 204
        assert (await at.token(alice))[1]["code"] == "consent_required"
        at.done.set()  # the agent has kept it to itself, and the users learn of it all the same
        await asyncio.gather(*at.calls)
        assert [link.partition(";")[2] for link in at.links] == [' rel="urn:identity-sidecar:consent"'] * len(at.links)
        assert {link[1:].partition("/connect/")[0] for link in at.links} == {at.public_url}
        assert len(set(at.links)) == 3  # alice's two sessions, and carol's
        names = ["identity.consent_requested", "identity.consent_granted", "identity.grant_revoked"]
        for name in names:
            event = await at.running.event(lambda event, name=name: event["name"] == name)  # type: ignore[misc]  # bound at once
            assert event["attributes"]["identity.principal.subject"] == "alice"
            assert "Bearer" not in str(event)


async def test_a_grant_outlives_the_sidecar_and_is_renewed(tmp_path: Path) -> None:
    async with stage(tmp_path) as at:
        alice = await at.handle("alice")
        _, refused = await at.token(alice)
        await at.agree(refused["authorization_url"], "alice")
        first = (await at.token(alice))[1]["access_token"]
        wanted = {"provider": "calendar", "scopes": [READ], "force": True}
        status, forced = await at.ask("POST", "/v1/token", alice, json=wanted)
        assert status == 200
        assert forced["access_token"] != first
        assert (await at.token(alice))[1]["access_token"] == forced["access_token"]
        event = await at.running.event(lambda event: event["name"] == "identity.token_refreshed")
        assert event["attributes"]["identity.provider"] == "calendar"
        database = (at.running.state / "vault.db").read_bytes() if (at.running.state / "vault.db").exists() else b""
        for secret in (first, "alice", "calendar"):
            assert secret.encode() not in database
