"""An agent that is instrumented with OpenTelemetry is bound to its caller without a line of code."""

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from tests.child import child
from tests.clients.apis import APIS, NAME, says
from tests.clients.cases import CLIENTS, Client, old_node
from tests.clients.stage import OWN, PATH, configured, environment, free_port
from tests.clients.watch import Watch
from tests.counterparts import NODE_FOLDER, clients, node
from tests.journeys.issuer import Issuer, issuer
from tests.running import Running, serving
from tests.world import Answer, Seen, World

NEXT = "next.example.com"
"""Another agent: its credential is an assertion of whom a call is made for."""
SECONDS = 0.05
"""How long that one takes, so that the calls of several users are under way at a time."""
USERS = ("alice", "bob")
TIMES = 4
QUIET = {
    "OTEL_TRACES_EXPORTER": "none",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
    "OTEL_NODE_RESOURCE_DETECTORS": "none",
}
"""No collector is there; the instrumentations' propagating doesn't need one."""
OPEN_TELEMETRY = NODE_FOLDER / "node_modules" / "@opentelemetry"
REGISTER = ("--require", str(OPEN_TELEMETRY / "auto-instrumentations-node" / "build" / "src" / "register.js"))
HOOK = f"--experimental-loader={OPEN_TELEMETRY / 'instrumentation' / 'hook.mjs'}"


def fastapi(port: int) -> Sequence[str]:
    uvicorn = [str(clients() / "python"), "-m", "uvicorn", "tests.clients.agent:app", "--port", str(port)]
    return [str(clients() / "opentelemetry-instrument"), *uvicorn]


def commonjs(port: int) -> Sequence[str]:
    return [node("octokit"), *REGISTER, str(NODE_FOLDER / "cjs-agent.cjs"), str(port)]


def ecmascript(port: int) -> Sequence[str]:
    return [node("octokit"), HOOK, *REGISTER, str(NODE_FOLDER / "esm-agent.mjs"), str(port)]


def old(port: int) -> Sequence[str]:
    return [old_node(), *REGISTER, str(NODE_FOLDER / "cjs-agent.cjs"), str(port)]


def unhooked(port: int) -> Sequence[str]:
    return [node("octokit"), *REGISTER, str(NODE_FOLDER / "esm-agent.mjs"), str(port)]


AGENTS: Mapping[str, Callable[[int], Sequence[str]]] = {
    "fastapi": fastapi,
    "node": ecmascript,
    "commonjs": commonjs,
    "old node": old,
}
"""Its command, given a port."""
READY = r"Uvicorn running|\"ready\""
CROWDS = [
    *(
        ("fastapi", client)
        for client in ("requests_get", "httpx_get", "httpx_async", "aiohttp_trust_env", "urllib_get")
    ),
    *(("node", client) for client in ("fetch", "http")),
    ("commonjs", "fetch"),
]
"""Agents, and the client that each call uses."""


def next_agent(seen: Seen) -> Answer:
    """Says whom the assertion is about that the call came with."""
    (value,) = seen.values("authorization")
    payload = value.removeprefix("Bearer ").split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    body = json.dumps({"name": claims["principal"]["subject"]}).encode()
    return Answer(200, [("Content-Type", "application/json")], body, seconds=SECONDS)


def account(who: str) -> str:
    """A member of the caller's own baggage."""
    return f"account=acme-{who}"


@dataclass(frozen=True, slots=True)
class Instrumented:
    """An agent, its sidecar, and all around them."""

    world: World
    sidecar: Running
    issuer: Issuer

    def ask(self, who: str, client: str, url: str) -> str:
        """Call the agent as *who*, so that it asks the API at *url*; what it came back with."""
        headers = {
            "Authorization": f"Bearer {self.issuer.token(who)}",
            "baggage": f"{account(who)},identity.invocation=ah_forged",
        }
        asked = Request(f"{self.sidecar.url}/{client}?{urlencode({'url': url})}", headers=headers)
        try:
            with urlopen(asked, timeout=20) as answer:
                return str(json.load(answer)["name"])
        except HTTPError as error:
            return f"{error.code} {error.read().decode()}"


@contextmanager
def instrumented(name: str, folder: Path) -> Iterator[Instrumented]:
    port = free_port()
    with World.standing([*(api.host for api in APIS.values()), NEXT]) as world, issuer() as serves:
        world.says = {**says(folder / "repository"), NEXT: next_agent}
        given = configured(f"http://127.0.0.1:{port}", serves, world, free_port())
        given["inbound"] = {"public_url": "https://agent.example.com"}
        given["providers"]["next"] = {"type": "agent", "audience": "next"}
        given["egress"]["routes"]["next"] = {"url": world.url(NEXT), "provider": "next", "private": True}
        given["capabilities"]["next"] = {"who": {"issuer": "shop"}, "routes": ["next"]}
        with serving(given, folder, env=OWN) as running:
            variables = {"PATH": PATH, "HOME": str(folder), **QUIET, **environment(running)}
            with child(AGENTS[name](port), folder, "agent", env=variables) as process:
                process.said(READY)
                yield Instrumented(world, running, serves)


@pytest.fixture(scope="module")
def agents(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Instrumented]]:
    """The agent of a name, started when it is first asked for."""
    with ExitStack() as stack:
        yield cache(lambda name: stack.enter_context(instrumented(name, tmp_path_factory.mktemp("baggage"))))


@pytest.mark.parametrize(("name", "module"), CROWDS, ids=lambda words: re.sub(r"\W+", "-", words))
def test_users_who_call_at_a_time_each_get_their_own_credential(
    agents: Callable[[str], Instrumented], name: str, module: str
) -> None:
    """Over CONNECT, too, that the agent's own handle opened."""
    agent = agents(name)
    asked, before = USERS * TIMES, len(agent.world.requests)
    with ThreadPoolExecutor(2 * len(USERS)) as pool:
        got = [*pool.map(lambda who: agent.ask(who, module, f"https://{NEXT}"), asked)]
    assert got == [*asked]
    seen = agent.world.requests[before:]
    assert sorted(value for each in seen for value in each.values("baggage")) == sorted(map(account, asked))
    for name, value in (header for each in seen for header in each.headers):
        assert name.lower() == "authorization" or not re.search("(ih|ag)_", value)


@pytest.mark.parametrize("client", [client for client in CLIENTS if client.agent], ids=lambda client: client.id)
def test_what_is_instrumented_is_bound_and_what_is_not_is_never_another_users(
    agents: Callable[[str], Instrumented], client: Client
) -> None:
    agent = agents(client.agent)
    watch = Watch(agent.world, agent.sidecar, client)
    base = f"{agent.sidecar.listener('egress')}/to/{client.api}"
    got = agent.ask(NAME, client.module, client.https if client.obeys else base)
    if client.bound:
        assert got == NAME
        watch.credentials_are_real(baggage=[account(NAME)])
        assert watch.callers() == {NAME}
    elif client.obeys:
        assert got == NAME
        watch.credentials_are_real()
        assert watch.callers() == {"agent"}
    else:
        assert got != NAME
        assert not watch.seen


def test_ecmascript_modules_need_the_loader(tmp_path: Path) -> None:
    """Without it their server isn't instrumented: should that change, the page on clients says too much."""
    with World.standing(["api.example.com"], usual=False) as world:
        world.says = {"127.0.0.1": Answer(200, [], b'{"name": "anybody"}')}
        port = free_port()
        with child(unhooked(port), tmp_path, "agent", env={"PATH": PATH, **QUIET}) as process:
            process.said(READY)
            there = urlencode({"url": f"http://{world.address}:{world.plain_port}"})
            with urlopen(Request(f"http://127.0.0.1:{port}/fetch?{there}", headers={"baggage": "account=1"})):
                assert [seen.values("baggage") for seen in world.requests] == [[]]
