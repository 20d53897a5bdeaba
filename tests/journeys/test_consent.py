"""The whole way to a user's yes in a real browser: the real sidecar, its consent pages behind TLS, and a certified
server as the users' issuer and as the provider. With ``SCREENSHOTS=FOLDER`` what the users saw is kept there."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, ViewportSize, async_playwright, expect

from tests.counterparts import missing
from tests.journeys.granting import READ, Stage, stage
from tests.journeys.test_vault import command

CHROMIUM = Path("/usr/bin/chromium")
HOST = "accounts.example"
TOLD = "Travel plans your trips around what is in your calendar."
READS = {"who": "any", "provider": "calendar", "scopes": [READ], "routes": ["api"], "consent_text": TOLD}
PHONE, DESK = ViewportSize(width=390, height=844), ViewportSize(width=1280, height=860)


@dataclass
class Scene:
    at: Stage
    browser: Browser
    screenshots: Path
    complaints: list[str] = field(default_factory=list)
    """What browsers say that a page's policy has kept out."""

    async def page(self, size: ViewportSize = DESK, **more: Any) -> Page:
        """In a browser of a user's own."""
        context = await self.browser.new_context(viewport=size, ignore_https_errors=True, **more)
        page = await context.new_page()
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        return page

    async def seen(self, page: Page, name: str) -> None:
        await page.screenshot(path=self.screenshots / f"{name}.png", full_page=True)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name

    async def asked(self, handle: str) -> str:
        """The link that an agent gets, which calls out for a user."""
        status, refused = await self.at.ask("GET", "/to/api/events", handle)
        assert (status, refused["code"]) == (403, "consent_required")
        url: str = refused["authorization_url"]
        return url

    async def granted(self, person: str) -> list[dict[str, Any]]:
        """What the vault keeps of theirs."""
        code, out, err = await command(self.at.running, "grants", "list", "--json")
        assert code == 0, err
        return [one for one in json.loads(out)["grants"] if one["subject"] == person]


@asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    if not await asyncio.to_thread(CHROMIUM.exists):
        missing(f"{CHROMIUM}: apt-get install chromium")
    screenshots = Path(os.environ.get("SCREENSHOTS", folder / "screenshots"))
    await asyncio.to_thread(screenshots.mkdir, parents=True, exist_ok=True)
    async with stage(folder, host=HOST, capabilities={"read": READS}) as at, async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--no-proxy-server", f"--host-resolver-rules=MAP {HOST} 127.0.0.1"],
        )
        try:
            yield Scene(at, browser, screenshots)
        finally:
            await browser.close()


async def log_in(page: Page, person: str) -> None:
    """On the counterpart's own pages: sign in, and agree."""
    await page.locator('input[name="login"]').fill(person)
    await page.locator('input[name="password"]').fill("any")
    await page.locator('button[type="submit"]').click()
    await page.get_by_role("button", name="Continue").click()


async def dance(one: Scene, page: Page, url: str, person: str) -> None:
    """From the link to the end."""
    await page.goto(url)
    await expect(page.get_by_role("heading", level=1)).to_contain_text("would like to use your Calendar account")
    await expect(page.locator("main")).to_contain_text(TOLD)
    await one.seen(page, f"{person}-1-start")
    await page.get_by_role("button", name="Continue to sign-in").click()
    await log_in(page, person)
    await expect(page.locator('input[name="prompt"][value="consent"]')).to_be_attached()  # signed in there already
    await one.seen(page, f"{person}-2-provider")
    await page.get_by_role("button", name="Continue").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Calendar is connected")
    await one.seen(page, f"{person}-3-done")


async def manage(one: Scene, page: Page) -> None:
    """Alice looks at her accounts and disconnects, with the keyboard alone, then signs out."""
    await page.get_by_role("link", name="See connected accounts").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Connected accounts")
    await expect(page.locator("main")).to_contain_text("by travel-agent")
    await one.seen(page, "alice-4-accounts")
    link = page.get_by_role("link", name="Disconnect Calendar")
    await link.focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Disconnect Calendar?")
    await one.seen(page, "alice-5-disconnect")
    await page.get_by_role("button", name="Disconnect Calendar").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("main")).to_contain_text("Nothing is connected")
    await one.seen(page, "alice-6-disconnected")
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your connected accounts")
    await one.seen(page, "alice-7-signed-out")


@pytest.mark.timeout(120)
async def test_two_users_side_by_side_agree_and_each_call_goes_out_in_its_users_name(tmp_path: Path) -> None:
    async with scene(tmp_path) as one:
        at = one.at
        alice, carol = await at.handle("alice"), await at.handle("carol")
        ones, others = await one.page(PHONE, color_scheme="dark", has_touch=True), await one.page()
        links = await one.asked(alice), await one.asked(carol)
        assert all(link.startswith(f"{at.public_url}/connect/") for link in links)
        await asyncio.gather(dance(one, ones, links[0], "alice"), dance(one, others, links[1], "carol"))
        for person, handle in (("alice", alice), ("carol", carol)):
            (grant,) = await one.granted(person)
            assert grant["account"].startswith(person)
            assert (await at.ask("GET", "/to/api/events", handle))[0] == 200
        tokens = [request.values("authorization")[0] for request in at.world.requests]
        assert len(set(tokens)) == len(tokens) == 2
        cookies = {cookie["name"]: cookie for cookie in await ones.context.cookies(at.public_url)}
        assert cookies.keys() >= {"__Host-browser", "__Host-signed-in"}
        assert all(cookie["httpOnly"] and cookie["secure"] for cookie in cookies.values())

        await manage(one, ones)
        assert (await one.granted("alice"), len(await one.granted("carol"))) == ([], 1)
        await one.asked(alice)
        event = await at.running.event(lambda event: event["name"] == "identity.grant_revoked")
        assert event["attributes"]["identity.reason"] == "by the user"
        assert [said for said in one.complaints if "Content Security Policy" in said] == []


@pytest.mark.timeout(120)
async def test_a_link_that_was_sent_to_another_user_stores_nothing(tmp_path: Path) -> None:
    async with scene(tmp_path) as one:
        alice = await one.at.handle("alice")
        link, page = await one.asked(alice), await one.page()
        await page.goto(link)
        await page.get_by_role("button", name="Continue to sign-in").click()
        await log_in(page, "carol")
        await expect(page.get_by_role("heading", level=1)).to_have_text("This link is for someone else")
        await one.seen(page, "carol-with-the-link-of-alice")
        assert (await one.granted("alice"), await one.granted("carol")) == ([], [])
        assert await one.asked(alice) == link, "it waits for alice still"
        event = await one.at.running.event(lambda event: event["name"] == "identity.consent_denied")
        assert event["attributes"]["identity.reason"] == "somebody else signed in"
        assert event["attributes"]["identity.principal.subject"] == "alice"
