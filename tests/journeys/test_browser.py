"""A page in a real browser, on the agent's machine, that tries to call out through the sidecar: nothing answers it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from playwright.async_api import BrowserContext, Page, async_playwright

from sidecar.demo.server import serving
from tests.counterparts import missing
from tests.idp import AUDIENCE, Idp
from tests.relay.waiting import until
from tests.running import Running, sidecar
from tests.world import World

CHROMIUM = Path("/usr/bin/chromium")
API = "api.example.com"
EVIL, REBOUND = "evil.test", "rebound.test"
"""Where the page comes from, and a name of the attacker's that leads to this machine once the page is there."""


@dataclass
class Stage:
    running: Running
    world: World
    context: BrowserContext
    egress: str
    handle: str
    """A live one, that the page knows: the attacker's best case."""

    @property
    def port(self) -> int:
        return int(self.egress.rsplit(":", 1)[1])

    async def page(self, origin: str) -> Page:
        """One that was served from *origin*, whatever really is there."""
        page = await self.context.new_page()
        await page.route(
            f"{origin}/", lambda route: route.fulfill(body="<body>a page</body>", content_type="text/html")
        )
        await page.goto(f"{origin}/")
        return page

    async def refusals(self) -> int:
        """How often the sidecar has refused a browser."""
        async with aiohttp.ClientSession() as client, client.get(f"{self.running.health}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        return int(sum(float(line.split()[-1]) for line in lines if 'origin_refused"' in line))


def installed() -> None:
    if not CHROMIUM.exists():
        missing(f"{CHROMIUM}: apt-get install chromium")


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Stage]:
    await asyncio.to_thread(installed)
    handles: list[str] = []
    done = asyncio.Event()

    async def agent(request: web.Request) -> web.Response:
        handles.append(request.headers["X-Identity-Invocation"])
        await done.wait()
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", agent)
    async with World([API]) as world, Idp.start() as idp, serving(app) as url, aiohttp.ClientSession() as client:
        route = {"url": world.url(API), "provider": "key", "private": True}
        given: dict[str, Any] = {
            **world.configured,
            "agent": {"name": AUDIENCE, "url": url},
            "issuers": {"shop": {"type": "oidc", "issuer": idp.url, "audience": AUDIENCE}},
            "providers": {"key": {"type": "api_key", "key": "the-real-one", "hand_out": True}},
            "egress": {"routes": {"api": route, "open": {**route, "url": world.url(API, "/open"), "unattended": True}}},
            "capabilities": {
                "own": {"who": "agent", "routes": ["api", "open"]},
                "key": {"who": "any", "provider": "key"},
            },
        }
        async with sidecar(given, folder) as running, async_playwright() as playwright:
            headers = {"Authorization": f"Bearer {idp.token()}"}
            call = asyncio.ensure_future(client.get(running.url, headers=headers))
            await until(lambda: handles)
            rules = ", ".join(f"MAP {name} 127.0.0.1" for name in (EVIL, REBOUND, "localhost.evil.test"))
            browser = await playwright.chromium.launch(
                executable_path=CHROMIUM,
                args=[
                    "--no-sandbox",
                    "--no-proxy-server",
                    f"--host-resolver-rules={rules}",
                    # The sidecar has to hold where a browser knows no such checks.
                    "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests",
                    "--disable-popup-blocking",
                ],
            )
            context = await browser.new_context()
            try:
                yield Stage(running, world, context, running.listener("egress"), handles[0])
            finally:
                done.set()
                (await call).close()
                await browser.close()


FETCHES = """
async ({base, handle}) => {
  const outcomes = {};
  const attempt = async (name, url, options) => {
    try {
      const answer = await fetch(url, options);
      outcomes[name] = answer.type === 'opaque' ? 'opaque' : `${answer.status} ${answer.headers.get('sidecar-error')}`;
    } catch { outcomes[name] = 'blocked'; }
  };
  const bearer = {headers: {Authorization: 'Bearer ' + handle}};
  const ours = {headers: {'X-Identity-Invocation': handle}};
  const text = {method: 'POST', body: '{"provider": "key"}', headers: {'Content-Type': 'text/plain'}};
  for (const [way, path] of Object.entries({
    route: '/to/open/way', bound: '/to/api/way', principal: '/v1/principal', key: '/v1/api-key', ca: '/v1/ca.pem',
    absolute: '/http://api.example.com/way', detach: '/v1/invocation/detach', aws: '/v1/aws/credentials',
  })) {
    await attempt(way + ' cors', base + path);
    await attempt(way + ' no-cors', base + path, {mode: 'no-cors'});
    await attempt(way + ' credentials', base + path, {mode: 'no-cors', credentials: 'include'});
    await attempt(way + ' head', base + path, {mode: 'no-cors', method: 'HEAD'});
    await attempt(way + ' bearer', base + path, bearer);
    await attempt(way + ' ours', base + path, ours);
    await attempt(way + ' post', base + path, {...text, mode: 'no-cors'});
    await attempt(way + ' post bearer', base + path, {...text, ...bearer});
    await attempt(way + ' unsigned', base + path, {mode: 'no-cors', referrerPolicy: 'no-referrer'});
  }
  return outcomes;
}
"""
ELEMENTS = """
async ({base, handle}) => {
  const outcomes = {};
  const waiting = [];
  const element = (name, tag, attributes, good) => waiting.push(new Promise(done => {
    const made = document.createElement(tag);
    made.onload = () => { outcomes[name] = 'loaded'; done(); };
    made.onerror = () => { outcomes[name] = 'failed'; done(); };
    Object.assign(made, attributes);
    document.body.append(made);
    setTimeout(done, 1500);
  }));
  element('image', 'img', {src: base + '/to/open/image'});
  element('script', 'script', {src: base + '/to/open/script'});
  element('style', 'link', {rel: 'stylesheet', href: base + '/to/open/style'});
  element('video', 'video', {src: base + '/to/open/video'});
  element('module', 'script', {type: 'module', src: base + '/to/open/module'});
  element('frame', 'iframe', {src: base + '/to/open/frame'});
  element('sandbox', 'iframe', {sandbox: 'allow-scripts allow-forms', srcdoc:
    `<form id=f method=post enctype=text/plain action="${base}/v1/api-key">
       <input name='{"provider":"key","a":"' value='"}'></form>
     <script>f.submit(); fetch("${base}/to/open/sandbox", {mode: "no-cors"})</script>`});
  element('with a name', 'iframe', {src: base.replace('http://', `http://${handle}:x@`) + '/to/api/name'});
  for (const method of ['get', 'post']) {
    const form = document.createElement('form');
    const frame = document.createElement('iframe');
    frame.name = 'into-' + method;
    Object.assign(form, {method, action: base + '/to/open/form', target: frame.name, enctype: 'text/plain'});
    document.body.append(frame, form);
    form.submit();
  }
  navigator.sendBeacon(base + '/to/open/beacon', 'x');
  for (const path of ['/to/open/socket', '/v1/principal']) waiting.push(new Promise(done => {
    const made = new WebSocket(base.replace('http', 'ws') + path);
    made.onopen = () => { outcomes['socket ' + path] = 'open'; done(); };
    made.onerror = () => { outcomes['socket ' + path] = 'failed'; done(); };
  }));
  waiting.push(new Promise(done => {
    const made = new EventSource(base + '/to/open/events');
    made.onopen = () => { outcomes.events = 'open'; done(); };
    made.onerror = () => { outcomes.events = 'failed'; made.close(); done(); };
  }));
  await Promise.all(waiting);
  return outcomes;
}
"""


async def test_no_page_of_another_origin_gets_anything(tmp_path: Path) -> None:
    async with stage(tmp_path) as at:
        page = await at.page(f"http://{EVIL}")
        for host in ("127.0.0.1", "localhost", "localhost.evil.test"):
            before = await at.refusals()
            given = {"base": f"http://{host}:{at.port}", "handle": at.handle}
            fetched = await page.evaluate(FETCHES, given)
            assert len(fetched) == 72
            assert set(fetched.values()) <= {"blocked", "opaque"}, fetched
            elements = await page.evaluate(ELEMENTS, given)
            assert set(elements.values()) - {"failed"} <= {"loaded"}, elements
            assert {name for name, outcome in elements.items() if outcome == "loaded"} <= {
                "frame",
                "sandbox",
                "with a name",
            }
            assert await at.refusals() - before > 40  # it is the sidecar that refused, not the browser alone
        assert not at.world.requests
        assert not [event for event in at.running.events() if event["name"] in _LET_OUT]


async def test_a_page_that_was_served_from_a_name_of_this_machine_gets_nothing(tmp_path: Path) -> None:
    """DNS rebinding: the page's own origin is the sidecar's address by now, so that the browser lets it read all."""
    async with stage(tmp_path) as at:
        base = f"http://{REBOUND}:{at.port}"
        page = await at.page(base)
        fetched = await page.evaluate(FETCHES, {"base": base, "handle": at.handle})
        assert set(fetched.values()) <= {"403 origin_refused", "opaque"}, fetched
        assert list(fetched.values()).count("403 origin_refused") > 30
        assert not at.world.requests


async def test_nor_does_who_types_its_address(tmp_path: Path) -> None:
    async with stage(tmp_path) as at:
        page = await at.context.new_page()
        for path in ("/to/open/typed", "/v1/ca.pem", "/v1/principal"):
            answer = await page.goto(at.egress + path)
            assert answer is not None
            assert (answer.status, answer.headers["sidecar-error"]) == (403, "origin_refused")
        named = await page.goto(at.egress.replace("http://", f"http://{at.handle}:x@") + "/to/api/named")
        assert named is not None
        assert named.status == 403
        assert not at.world.requests


_LET_OUT = {"identity.credential_attached", "identity.token_vended", "identity.principal_read"}
