"""The whole way in a real browser, with pages of ours over TLS, and a certified server that nobody here wrote as the
users' issuer and as the provider. With ``SCREENSHOTS=FOLDER`` what the users saw is kept there."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web
from playwright.async_api import Browser, BrowserContext, Page, ViewportSize, async_playwright, expect

from sidecar.consent.application import application
from sidecar.consent.frame import Place
from sidecar.consent.keeping import Keeping
from sidecar.consent.sessions import Status
from sidecar.identity.idps import Common, issuer
from sidecar.identity.issuer import Login
from sidecar.identity.principal import Kind, Principal
from sidecar.keyring import Keyring
from sidecar.oauth.provider import Provider
from sidecar.oauth.surroundings import Surroundings as World
from sidecar.relay.fetch import fetcher, trust
from sidecar.secret import Secret
from tests.consent.around import Around
from tests.counterparts import missing
from tests.oidc_provider import SECRET, OidcProvider, oidc_provider

CHROMIUM = Path("/usr/bin/chromium")
HOST = "accounts.example"
PHONE, DESK = ViewportSize(width=390, height=844), ViewportSize(width=1280, height=860)
READ = "calendar.read"


@dataclass
class Stage:
    around: Around
    browser: Browser
    issuer: str
    public_url: str
    screenshots: Path

    def principal(self, person: str, name: str) -> Principal:
        email = f"{person}@example.com"
        return Principal(self.issuer, "", person, "staff", Kind.USER, name=name, email=email)

    async def context(self, size: ViewportSize = DESK, **more: Any) -> BrowserContext:
        return await self.browser.new_context(viewport=size, ignore_https_errors=True, **more)

    async def seen(self, page: Page, name: str) -> None:
        """Keep what the user sees; it fits its window, and nothing on it was refused by its policy."""
        await page.screenshot(path=self.screenshots / f"{name}.png", full_page=True)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Stage]:
    if not await asyncio.to_thread(CHROMIUM.exists):
        missing(f"{CHROMIUM}: apt-get install chromium")
    screenshots = Path(os.environ.get("SCREENSHOTS", folder / "screenshots"))
    await asyncio.to_thread(screenshots.mkdir, parents=True, exist_ok=True)
    around = Around()
    async with AsyncExitStack() as stack:
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        runner = web.AppRunner(application(lambda: around.surroundings), access_log=None)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=_tls()).start()
        public_url = f"https://{HOST}:{runner.addresses[0][1]}"
        staff, calendar = [
            await stack.enter_async_context(_server(folder, name, f"{public_url}/{path}"))
            for name, path in (("staff", "login/staff"), ("calendar", "callback/calendar"))
        ]
        around.built(tasks, folder / "intents")
        keyring = _wired(around, staff, calendar, public_url, tasks)
        keeping = tasks.create_task(keyring.run())
        stack.callback(keeping.cancel)
        stack.push_async_callback(around.vault.close)
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--no-proxy-server", f"--host-resolver-rules=MAP {HOST} 127.0.0.1"],
        )
        stack.push_async_callback(browser.close)
        yield Stage(around, browser, staff.plain, public_url, screenshots)


def _tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert(HOST).configure_cert(context)
    return context


@asynccontextmanager
async def _server(folder: Path, name: str, redirect: str) -> AsyncIterator[OidcProvider]:
    own = folder / name
    await asyncio.to_thread(own.mkdir)
    grants = ["authorization_code", "refresh_token"]
    client = {"alg": "RS256", "grants": grants, "redirects": [redirect]}
    running = oidc_provider(own, clients={name: client})
    server = await asyncio.to_thread(running.__enter__)
    try:
        yield server
    finally:
        await asyncio.to_thread(running.__exit__, None, None, None)


def _wired(
    around: Around, staff: OidcProvider, calendar: OidcProvider, public_url: str, tasks: asyncio.TaskGroup
) -> Keyring:
    """Around real servers, over real connections."""
    fetch = fetcher(tls=lambda: trust(None), resolve={})
    login = Login("staff", Secret(SECRET), ("openid", "email"))
    known = issuer("staff", "oidc", {"issuer": staff.plain, "audience": ("travel",)}, Common(login=login))
    provider = Provider(
        "calendar",
        "oauth2",
        "principal",
        client_id="calendar",
        client_secret=Secret(SECRET),
        client_auth="post",
        discovery=calendar.plain,
    )
    keyring = Keyring(
        [known], fetch, clock=around.clock.epoch, refresh=600.0, max_stale=600.0, changed=lambda _issuer: None
    )
    world = World(fetch, around.clock.epoch, os.urandom, tasks, _no_signer, "travel-agent", None)
    around.keeping = Keeping(around.vault, world, {"calendar": provider})
    around.change(
        place=Place(public_url, "travel-agent"),
        issuers={"staff": known},
        providers={"calendar": provider},
        grants=around.keeping,
        keys=keyring,
        fetch=fetch,
        told=lambda _principal, _provider, _scopes: ("Travel plans your trips around what is in your calendar.",),
    )
    return keyring


def _no_signer() -> Any:
    raise AssertionError("no client here has a key")


async def log_in(page: Page, person: str) -> None:
    """On the counterpart's own pages: sign in, and agree."""
    await page.locator('input[name="login"]').fill(person)
    await page.locator('input[name="password"]').fill("any")
    await page.locator('button[type="submit"]').click()


async def agree(page: Page) -> None:
    await page.locator('button[type="submit"]').click()


async def dance(stage: Stage, page: Page, url: str, person: str, name: str) -> None:
    """From the link to the end."""
    await page.goto(url)
    await expect(page.get_by_role("heading", level=1)).to_contain_text("would like to use your Calendar account")
    await stage.seen(page, f"{name}-1-start")
    await page.get_by_role("button", name="Continue to sign-in").click()
    await log_in(page, person)
    await stage.seen(page, f"{name}-2-issuer")
    await agree(page)
    await page.locator('input[name="login"]').wait_for()
    await log_in(page, person)
    await stage.seen(page, f"{name}-3-provider")
    await agree(page)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Calendar is connected")
    await stage.seen(page, f"{name}-4-done")


@pytest.mark.timeout(120)
async def test_two_users_side_by_side_agree_in_a_real_browser(tmp_path: Path) -> None:
    async with stage(tmp_path) as scene:
        around = scene.around
        alice, carol = scene.principal("alice", "Alice Liddell"), scene.principal("carol", "Carol")
        of_alice, first = around.ask(READ, principal=alice)
        of_carol, second = around.ask(READ, principal=carol)
        phone = await scene.context(PHONE, color_scheme="dark", has_touch=True)
        desk = await scene.context()
        ones, others = await phone.new_page(), await desk.new_page()
        complaints: list[str] = []
        for page in (ones, others):
            page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        await asyncio.gather(
            dance(scene, ones, of_alice, "alice", "alice"), dance(scene, others, of_carol, "carol", "carol")
        )
        assert first.status is second.status is Status.GRANTED
        for principal, person in ((alice, "alice"), (carol, "carol")):
            (grant,) = await around.grants(principal)
            assert grant.account == person
            assert grant.refresh_token is not None
            assert READ in grant.place.scopes
        cookies = {cookie["name"]: cookie for cookie in await phone.cookies(scene.public_url)}
        assert cookies.keys() >= {"__Host-browser", "__Host-signed-in"}
        assert all(cookie["httpOnly"] and cookie["secure"] for cookie in cookies.values())
        await manage(scene, ones)
        assert await around.grants(alice) == []
        assert len(await around.grants(carol)) == 1
        assert [said for said in complaints if "Content Security Policy" in said] == []
        await phone.close()
        await desk.close()


async def manage(scene: Stage, page: Page) -> None:
    """Alice looks at her accounts and disconnects, with the keyboard alone."""
    await page.get_by_role("link", name="See connected accounts").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Connected accounts")
    await expect(page.locator("main")).to_contain_text("alice")
    await scene.seen(page, "alice-5-accounts")
    link = page.get_by_role("link", name="Disconnect Calendar")
    await link.focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Disconnect Calendar?")
    await scene.seen(page, "alice-6-disconnect")
    await page.get_by_role("button", name="Disconnect Calendar").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("main")).to_contain_text("Nothing is connected")
    await scene.seen(page, "alice-7-disconnected")
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your connected accounts")
    await scene.seen(page, "alice-8-signed-out")


@pytest.mark.timeout(120)
async def test_a_link_that_was_sent_to_somebody_else_connects_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path) as scene:
        alice = scene.principal("alice", "Alice Liddell")
        url, session = scene.around.ask(READ, principal=alice)
        context = await scene.context(color_scheme="dark")
        page = await context.new_page()
        await page.goto(url)
        await page.get_by_role("button", name="Continue to sign-in").click()
        await log_in(page, "carol")
        await agree(page)
        await expect(page.get_by_role("heading", level=1)).to_have_text("This link is for someone else")
        await scene.seen(page, "carol-with-the-link-of-alice")
        assert await scene.around.grants(alice) == []
        assert scene.around.surroundings.sessions.pending(session)
        await context.close()
