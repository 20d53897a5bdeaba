"""The consent listener's application with real parts around it, an issuer and a provider to sign in and agree at, and
browsers."""

import asyncio
import html
import json
import os
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
from aiohttp import web
from yarl import URL

from sidecar.consent.application import application
from sidecar.consent.asking import Asking
from sidecar.consent.attempts import Attempts
from sidecar.consent.ending import undecided
from sidecar.consent.frame import Place
from sidecar.consent.keeping import Keeping
from sidecar.consent.sessions import Session, Sessions
from sidecar.consent.surroundings import Surroundings
from sidecar.consent.visitors import Visitors
from sidecar.consent.wishes import Wishes
from sidecar.errors import Refusal, TokenMalformed
from sidecar.identity.idps import Common, issuer
from sidecar.identity.issuer import Issuer, Login
from sidecar.identity.key import Key
from sidecar.identity.principal import Kind, Principal
from sidecar.journal import Subjects
from sidecar.oauth.provider import Provider
from sidecar.oauth.surroundings import Surroundings as World
from sidecar.secret import Secret
from sidecar.vault.grant import Grant, Owner
from sidecar.vault.keys import Wrapper
from sidecar.vault.memory import MemoryStore
from sidecar.vault.vault import Vault
from sidecar.wire.http import Request, Response, Unreachable
from sidecar.wire.trace import Ids, Tracer
from tests.consent.servers import CLIENT, SECRET, Account, Server

PUBLIC = "https://accounts.example"
ISSUER, PROVIDER, OTHER = "https://issuer.example", "https://provider.example", "https://other.example"
RETURN = "https://app.example/done?tab=calendar"
READ, WRITE = "calendar.read", "calendar.write"
ALICE_AT_IDP, BOB_AT_IDP = Account("alice", "alice@example.com"), Account("bob", "bob@example.com")
ALICE_THERE, ALICE_PRIVATE = Account("1001", "alice@acme.example"), Account("1002", "alice@home.example")
BOB_THERE = Account("2001", "bob@acme.example")
NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


class Clock:
    """The sessions' seconds, moved by tests; the epoch's beside them."""

    moved = 0.0

    def monotonic(self) -> float:
        return 1000.0 + self.moved

    def epoch(self) -> float:
        return time.time() + self.moved


@dataclass
class Recorded:
    """A journal in memory; with a ``fault`` it takes nothing."""

    events: list[dict[str, Any]] = field(default_factory=list)
    fault: Refusal | None = None

    def record(self, event: bytes) -> None:
        if self.fault is not None:
            raise self.fault
        self.events.append(json.loads(event))

    @property
    def names(self) -> list[str]:
        return [event["name"] for event in self.events]


@dataclass
class Keys:
    """The issuer's key, as a keyring has it."""

    key: Key

    async def find(self, issuer: Issuer, header: Mapping[str, Any]) -> Key:
        return self.key


@dataclass
class Said:
    """An answer, and where it came from."""

    url: str
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def location(self) -> str:
        return self.headers.get("location", "")

    @property
    def title(self) -> str:
        found = re.search(r"<h1>(.*?)</h1>", self.text, re.DOTALL)
        return html.unescape(re.sub(r"<[^>]*>", "", found[1])) if found else ""

    @property
    def onward(self) -> str:
        """Where the page sends its browser by itself."""
        found = re.search(r'http-equiv="refresh" content="0; url=([^"]*)"', self.text)
        return html.unescape(found[1]) if found else ""

    @property
    def words(self) -> str:
        """All that can be read."""
        return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", self.text)).split())

    def form(self, action: str = "") -> tuple[str, dict[str, str]]:
        """Where the first form that ends so goes, and what it carries."""
        for found in re.finditer(r'<form method="post" action="([^"]*)">(.*?)</form>', self.text, re.DOTALL):
            if found[1].endswith(action) and (action or "sign-out" not in found[1]):
                carried = re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', found[2])
                return html.unescape(found[1]), {name: html.unescape(value) for name, value in carried}
        raise AssertionError(f"no form to {action or 'anywhere'} in: {self.words}")


class Browser:
    """Keeps cookies as a browser does, and says what one says of its requests."""

    def __init__(self, around: "Around") -> None:
        self._around = around
        self.cookies: dict[str, str] = {}

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: Any = None) -> Said:
        path = url.removeprefix(PUBLIC)
        assert path.startswith("/"), url
        sent = dict(headers)
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        target = self._around.base + path
        async with self._around.client.request(
            method, URL(target, encoded=True), headers=sent, data=body, allow_redirects=False
        ) as answer:
            for cookie in answer.headers.getall("Set-Cookie", []):
                self._keep(cookie)
            fields = {name.lower(): value for name, value in answer.headers.items()}
            return Said(PUBLIC + path, answer.status, fields, await answer.text())

    def _keep(self, cookie: str) -> None:
        first, *rest = cookie.split("; ")
        name, _, value = first.partition("=")
        assert name.startswith("__Host-")
        assert {"Path=/", "Secure", "HttpOnly", "SameSite=Lax"} <= set(rest)
        if "Max-Age=0" in rest:
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value

    async def go(self, url: str, **headers: str) -> Said:
        """Typed, or linked from elsewhere; redirects within the pages are followed."""
        said = await self.send("GET", url, {**NAVIGATION, "Sec-Fetch-Site": "cross-site", **headers})
        return await self.follow(said)

    async def follow(self, said: Said) -> Said:
        while said.location.startswith("/"):
            said = await self.send("GET", said.location, {**NAVIGATION, "Sec-Fetch-Site": "same-origin"})
        return said

    async def submit(self, said: Said, action: str = "", *, follow: bool = True, **fields: str) -> Said:
        """The first form of the page that goes to *action*, with *fields* filled in."""
        url, carried = said.form(action)
        sent = await self.post(url, {**carried, **fields})
        return await self.follow(sent) if follow else sent

    async def post(self, url: str, fields: Mapping[str, str], **headers: str) -> Said:
        usual = {**NAVIGATION, "Sec-Fetch-Site": "same-origin", "Origin": PUBLIC}
        usual["Content-Type"] = "application/x-www-form-urlencoded"
        return await self.send("POST", url, {**usual, **headers}, urlencode(fields).encode())


class Around:
    """Made by ``serving``."""

    base: str
    client: aiohttp.ClientSession
    vault: Vault
    keeping: Keeping

    def __init__(self) -> None:
        self.clock = Clock()
        self.journal = Recorded()
        self.idp = Server(ISSUER, self.clock.epoch, [f"{PUBLIC}/login/idp"])
        self.provider = Server(PROVIDER, self.clock.epoch, [f"{PUBLIC}/callback/calendar"])
        self.other = Server(OTHER, self.clock.epoch, [f"{PUBLIC}/callback/other"])
        self.away: set[str] = set()
        """Hosts that don't answer."""
        self.giving_back: list[asyncio.Task[None]] = []
        """What nobody has decided about."""
        self.surroundings: Surroundings
        self.asking = Asking(lambda: self.surroundings)

    async def fetch(self, request: Request) -> Response:
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(request.url))
        servers = {server.url: server for server in (self.idp, self.provider, self.other)}
        if origin not in servers or origin in self.away:
            raise Unreachable("no connection")
        return servers[origin].answer(request)

    def built(self, tasks: asyncio.TaskGroup, folder: Path) -> None:
        root = bytes(range(32))
        self.vault = Vault(MemoryStore(), Wrapper(lambda _label: root), folder, clock=self.clock.epoch, tasks=tasks)
        login = Login(CLIENT, Secret(SECRET), ("openid", "email"))
        idp = issuer("idp", "oidc", {"issuer": ISSUER, "audience": ("travel",)}, Common(login=login))
        providers = {
            name: Provider(
                name,
                "oauth2",
                "principal",
                client_id=CLIENT,
                client_secret=Secret(SECRET),
                client_auth="post",
                discovery=url,
            )
            for name, url in (("calendar", PROVIDER), ("other", OTHER))
        }
        world = World(self.fetch, self.clock.epoch, os.urandom, tasks, _no_signer, "travel-agent", None)
        self.keeping = Keeping(self.vault, world, providers)
        self.surroundings = Surroundings(
            place=Place(PUBLIC, "travel-agent"),
            return_urls=frozenset(),
            issuers={"idp": idp},
            providers=providers,
            grants=self.keeping,
            keys=Keys(self.idp.signer.key()),
            verify=self.verify,
            fetch=self.fetch,
            journal=self.journal,
            subjects=Subjects(bytes(32)).of,
            tracer=Tracer(Ids()),
            clock=self.clock.epoch,
            random=os.urandom,
            sessions=Sessions(clock=self.clock.monotonic, random=os.urandom),
            attempts=Attempts(
                clock=self.clock.monotonic,
                random=os.urandom,
                dropped=lambda attempt: self.giving_back.append(
                    tasks.create_task(undecided(self.surroundings, attempt))
                ),
            ),
            visitors=Visitors(clock=self.clock.monotonic, random=os.urandom),
            wishes=Wishes(),
            form_key=os.urandom(32),
        )

    def change(self, **more: Any) -> None:
        """As a reload would."""
        self.surroundings = replace(self.surroundings, **more)

    def without_login(self, *return_urls: str) -> None:
        """Applications prove who their users are."""
        idp = self.surroundings.issuers["idp"]
        self.change(issuers={"idp": replace(idp, login=None)}, return_urls=frozenset(return_urls))

    async def verify(self, token: bytes) -> Principal:
        """As the front door would: the token is the name."""
        people = {b"token-of-alice": self.alice, b"token-of-bob": self.bob}
        if token not in people:
            raise TokenMalformed("nobody's token")
        return people[token]

    @property
    def alice(self) -> Principal:
        return Principal(ISSUER, "", "alice", "idp", Kind.USER, name="Alice Liddell", email="alice@example.com")

    @property
    def bob(self) -> Principal:
        return replace(self.alice, subject="bob", name="Bob", email="bob@example.com")

    def ask(self, *scopes: str, principal: Principal | None = None, provider: str = "calendar") -> tuple[str, Session]:
        """An agent asks on behalf of alice: the link, and its session."""
        given = self.surroundings.providers[provider]
        asked = frozenset(scopes or (READ,))
        url, session_id = self.asking.begin(principal or self.alice, given, asked, b"call", b"a" * 32, b"b" * 16)
        session = self.surroundings.sessions.find(session_id)
        assert session is not None
        return url, session

    async def grants(self, principal: Principal | None = None) -> list[Grant]:
        return await self.vault.of(Owner.of_principal(principal or self.alice))

    def browser(self) -> Browser:
        return Browser(self)

    # the way, in steps

    async def to_provider(self, browser: Browser, url: str, who: Account = ALICE_AT_IDP) -> Said:
        """From the link to the page that sends on to the provider, signing in on the way."""
        start = await browser.go(url)
        said = await browser.submit(start)
        if said.onward.startswith(ISSUER):
            said = await browser.go(self.idp.authorize(said.onward, who))
        return said

    async def agree(self, browser: Browser, url: str, account: Account | None = ALICE_THERE) -> Said:
        """All of it."""
        said = await self.to_provider(browser, url)
        return await browser.go(self.provider.authorize(said.onward, account))

    async def sign_in(self, browser: Browser, who: Account = ALICE_AT_IDP) -> Said:
        said = await browser.submit(await browser.go("/accounts"), "/sign-in")
        return await browser.go(self.idp.authorize(said.onward, who))

    async def complete(self, session: Session, code: str, token: str = "token-of-alice") -> Said:
        """What an application sends."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        body = json.dumps({"code": code}).encode()
        return await self.browser().send("POST", f"/consents/{session.id}/complete", headers, body)


def _no_signer() -> Any:
    raise AssertionError("no client here has a key")


def query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query, keep_blank_values=True).items()}


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Around]:
    around = Around()
    async with asyncio.TaskGroup() as tasks:
        around.built(tasks, folder)
        runner = web.AppRunner(application(lambda: around.surroundings), access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            around.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
            jar = aiohttp.DummyCookieJar()
            async with aiohttp.ClientSession(cookie_jar=jar, skip_auto_headers=["User-Agent"]) as around.client:
                yield around
        finally:
            await runner.cleanup()
            await around.vault.close()
