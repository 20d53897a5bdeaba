"""What the story is played on: an issuer, an agent and the sidecar, each a real server on loopback, and a caller."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp

from sidecar import assembly, settings
from sidecar.demo import agent, issuer
from sidecar.demo.calendar import Calendar
from sidecar.demo.issuer import Issuer, Person
from sidecar.demo.login import Login
from sidecar.demo.provider import Sandbox
from sidecar.demo.server import serving
from sidecar.demo.travel import Travel
from sidecar.demo.visitor import Visitor

CONFIGURATION = """\
development: true                  # loopback http, for this demo
agent: {{name: {audience}, url: "{agent}"}}
issuers:
  demo:
    type: oidc
    issuer: "{issuer}"
    audience: {audience}
    login: {{client_id: demo-pages}}
providers:
  calendar:
    type: api_key
    key: {{env: CALENDAR_KEY}}
    header: X-Calendar-Key
  own:
    type: sandbox                # people's own calendars
    url: "{sandbox}"
    client_id: demo-sidecar
egress:
  listen: "127.0.0.1:0"
  routes:
    calendar:
      url: "{calendar}"
      provider: calendar
      private: true                # it is on this machine
    own:
      url: "{sandbox}/calendar"
      provider: own
      scopes: [calendar.read]
      private: true
    payroll:
      url: "{calendar}/payroll"
      provider: calendar
      private: true
    travel:
      url: "{travel}/mcp"
      mcp: true                    # its tools are told apart
      private: true
capabilities:
  look-up: {{who: any, routes: [calendar]}}
  read-own:
    who: any
    provider: own
    scopes: [calendar.read]
    routes: [own]
    consent_text: It looks, and never changes anything.
  pay: {{who: {{groups: [board]}}, routes: [payroll]}}
  look-around: {{who: any, tools: [travel/list_trips]}}
  book: {{who: {{groups: [sales]}}, tools: [travel/book_trip]}}
consent:
  public_url: "{pages}"
  listen: "{pages_at}"
"""
"""What matters of the configuration; the story shows it as it is used."""

_PLACES = """\
inbound: {{listen: "127.0.0.1:0", limits: {{connections: 100}}}}
health: {{listen: "127.0.0.1:0"}}
state: {{dir: "{home}/state"}}
run: {{dir: "{home}/run"}}
audit: {{journal: 1MiB}}
"""
FILE = "sidecar.yaml"
_PATIENCE = 60
"""How often the audit file is looked at for an event, every 50 ms."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    reason: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def line(self) -> str:
        return f"{self.status} {self.reason}"

    def json(self) -> dict[str, Any]:
        """The body's object; empty where the body is none."""
        try:
            document = json.loads(self.body)
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}


@dataclass(frozen=True, slots=True)
class Stage:
    inbound: str
    """URLs, without a slash at the end."""
    health: str
    issuer: str
    configuration: str
    home: Path
    calendar: Calendar
    sandbox: Sandbox
    travel: Travel
    pages: str
    """The consent pages."""
    browser: Visitor
    """Alice's."""
    _environ: Mapping[str, str] = field(repr=False)
    """Of commands that read the configuration."""
    _issuer: Issuer
    _http: aiohttp.ClientSession

    def token(self, person: Person, **claims: Any) -> str:
        return self._issuer.token(self.issuer, person, **claims)

    async def call(self, path: str, headers: Mapping[str, str]) -> Answer:
        """``GET`` *path* through the sidecar."""
        async with self._http.get(self.inbound + path, headers=headers) as response:
            return Answer(response.status, response.reason or "", _lower(response.headers), await response.read())

    async def pieces(self, path: str, headers: Mapping[str, str]) -> AsyncIterator[tuple[float, bytes]]:
        """``GET`` *path* through the sidecar: each piece of the body as it arrives, and the seconds since the call."""
        clock = asyncio.get_running_loop().time
        begun = clock()
        async with self._http.get(self.inbound + path, headers=headers) as response:
            async for piece in response.content.iter_any():
                yield clock() - begun, piece

    async def explained(self, person: Person, tool: str) -> list[str]:
        """What ``sidecar explain`` prints about *person* and *tool*."""
        command = (sys.executable, "-m", "sidecar", "explain", "--config", str(self.home / FILE), "--token", "-")
        process = await asyncio.create_subprocess_exec(
            *(*command, "--tool", tool),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environ,
        )
        said, _ = await process.communicate(self.token(person).encode())
        return said.decode().splitlines()

    async def record(self, trace_id: str, most: int) -> list[dict[str, Any]]:
        """The events of *trace_id* in the audit file, oldest first, waiting a moment for *most* of them."""
        for _ in range(_PATIENCE):
            if len(self._events(trace_id)) >= most:
                break
            await asyncio.sleep(0.05)
        return self._events(trace_id)

    def _events(self, trace_id: str) -> list[dict[str, Any]]:
        files = sorted((self.home / "state" / "audit").glob("*.jsonl"))
        lines = [line for file in files for line in file.read_text().splitlines()]
        events = [event for event in map(json.loads, lines) if event.get("trace_id") == trace_id]
        return sorted(
            events, key=lambda event: event["time"]
        )  # admissions and rejections are drained one after another


@asynccontextmanager
async def staged(clock: Callable[[], float]) -> AsyncIterator[Stage]:
    """Everything set up and running; nothing of it is left afterwards."""
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory(prefix="sidecar-demo-")))
        signer = Issuer(clock)
        login = Login(signer)
        own = issuer.application(signer, redeem=login.redeem, sign_in=login.routes())
        issuer_url = await stack.enter_async_context(serving(own))
        way_out: list[str] = []
        agent_url = await stack.enter_async_context(serving(agent.application(lambda: way_out[0])))
        calendar = Calendar()
        calendar_url = await stack.enter_async_context(serving(calendar.application()))
        sandbox, travel = Sandbox(clock), Travel()
        pages = f"127.0.0.1:{_free_port()}"
        shown = CONFIGURATION.format(
            audience=issuer.AUDIENCE,
            agent=agent_url,
            issuer=issuer_url,
            calendar=calendar_url,
            sandbox=await stack.enter_async_context(serving(sandbox.application())),
            travel=await stack.enter_async_context(serving(travel.application())),
            pages=f"http://{pages}",
            pages_at=pages,
        )
        file = home / FILE
        file.write_text(shown + _PLACES.format(home=home))
        environ = {"CALENDAR_KEY": calendar.key}
        sidecar = await stack.enter_async_context(assembly.running(settings.load(file, environ), file, environ))
        way_out.append(sidecar.listeners["egress"].url)
        http = await stack.enter_async_context(aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)))
        jar = aiohttp.CookieJar(unsafe=True)  # of a host that is an address
        browser = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=jar))
        yield Stage(
            inbound=sidecar.listeners["inbound"].url,
            health=sidecar.listeners["health"].url,
            issuer=issuer_url,
            configuration=shown,
            home=home,
            calendar=calendar,
            sandbox=sandbox,
            travel=travel,
            pages=f"http://{pages}",
            browser=Visitor(browser),
            _environ=os.environ | environ,
            _issuer=signer,
            _http=http,
        )


def _free_port() -> int:
    """One for the pages: users' browsers, and the providers that send them back, know them by it."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
        return port


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
