"""Users who grant something: the real sidecar before a certified server, which is their issuer and the provider."""

import asyncio
import html
import re
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
import trustme
from aiohttp import web

from sidecar.demo.server import serving
from sidecar.identity.principal import opaque
from tests.journeys.given import bearer
from tests.oidc_provider import SECRET, OidcProvider, oidc_provider, plain
from tests.oidc_provider import _answers as answers
from tests.relay.waiting import until
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
    given: Mapping[str, Any]
    """What the sidecar is configured with."""
    handles: dict[str, str] = field(default_factory=dict)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    calls: list[asyncio.Task[None]] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    """``Link`` of the answers to users' own calls."""

    def id(self, person: str) -> str:
        return opaque("p_", self.certified.plain, "", person)

    async def handle(self, person: str, at: Running | None = None) -> str:
        """Of a call of theirs that stays open, at another sidecar than the first where that is said."""
        tokens = await self.certified.login(plain(self.certified.plain, "ES256"), person)
        self.handles.pop(person, None)

        async def call() -> None:
            async with self.client.get((at or self.running).url, headers=bearer(tokens.access)) as answer:
                assert answer.status == 200, await answer.text()
                self.links += answer.headers.getall("Link", [])

        self.calls.append(asyncio.ensure_future(call()))
        await until(lambda: person in self.handles)
        return self.handles[person]

    async def ask(self, method: str, path: str, handle: str, at: Running | None = None, **more: Any) -> tuple[int, Any]:
        url = (at or self.running).listener("egress") + path
        async with self.client.request(method, url, headers=bearer(handle), **more) as answer:
            text = await answer.text()
            return answer.status, await answer.json(content_type=None) if text else None

    async def token(self, handle: str, at: Running | None = None) -> tuple[int, Any]:
        return await self.ask("POST", "/v1/token", handle, at, json={"provider": "calendar", "scopes": [READ]})

    async def agree(self, url: str, person: str, there: str | None = None) -> None:
        """The whole way of *person*'s browser from the link on, every form filled in, but the one that asks for which
        of two accounts. *there* is who they are at the provider, if that is another."""
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
                    if there is not None and "client_id=calendar" in url:
                        person = there
                        browser.cookie_jar.clear(lambda cookie: not cookie.key.startswith("consent-"))
                elif form is None or urlsplit(url).path.endswith("/account"):
                    return
                else:
                    method, url = "POST", urljoin(url, html.unescape(form[0]))
                    hidden = re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', form[1])
                    ours = {name: html.unescape(value) for name, value in hidden}
                    fields = ours if url.startswith(origin) else answers(page, person)
            raise AssertionError("the way never came to its end")


@asynccontextmanager
async def stage(
    folder: Path, *, host: str | None = None, world_revokes: bool = False, **more: Any
) -> AsyncIterator[Stage]:
    """*host*: the consent pages' own, over TLS that ends before the sidecar, as where browsers come. *world_revokes*:
    it is the world that grants are given back to, which tells what came. *more* is configured besides."""
    at: list[Stage] = []

    async def agent(request: web.Request) -> web.Response:
        at[0].handles[request.headers["X-Identity-Subject"]] = request.headers["X-Identity-Invocation"]
        await at[0].done.wait()
        return web.Response()

    app = web.Application()
    app.router.add_get("/{path:.*}", agent)
    port, outer = _free(), _free()
    public_url = f"http://127.0.0.1:{port}" if host is None else f"https://{host}:{outer}"
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
                        **({"revoke_url": world.url(API, "/revoke")} if world_revokes else {}),
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
            given |= more
            async with AsyncExitStack() as stack:
                running = await stack.enter_async_context(sidecar(given, folder, env={"CLIENT_SECRET": SECRET}))
                if host is not None:
                    await stack.enter_async_context(_secure(host, outer, port))
                at.append(Stage(running, world, certified, client, public_url, given))
                try:
                    yield at[0]
                finally:
                    at[0].done.set()
                    await asyncio.gather(*at[0].calls, return_exceptions=True)


def _free() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@asynccontextmanager
async def _secure(host: str, port: int, inner: int) -> AsyncIterator[None]:
    """TLS for *host* at *port*, passed on in the clear: what stands before the consent pages."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert(host).configure_cert(context)

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward, back = await asyncio.open_connection("127.0.0.1", inner)
        await asyncio.gather(pass_on(reader, back), pass_on(onward, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", port, ssl=context)
    try:
        yield
    finally:
        server.close()
