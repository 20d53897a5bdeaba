"""One user's workflow through three agents, each behind a real sidecar of its own."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.agents.relaying import Relaying
from tests.journeys.given import bearer
from tests.journeys.issuer import Issuer
from tests.journeys.issuer import issuer as serve_issuer
from tests.journeys.seen import claims_of, key_of
from tests.running import Running, sidecar

pytestmark = pytest.mark.asyncio(loop_scope="module")
ATTACHED = "identity.credential_attached"


@dataclass
class Behind:
    """An agent and the sidecar before it."""

    agent: Relaying
    running: Running
    configuration: dict[str, Any]
    reloads: int = 0

    @asynccontextmanager
    async def instead(self, **sections: Any) -> AsyncIterator[None]:
        """With other *sections* than its own, meanwhile."""
        await self._reload({**self.configuration, **sections})
        yield
        await self._reload(self.configuration)

    async def _reload(self, given: dict[str, Any]) -> None:
        self.running.write(given)
        self.running.reload()
        self.reloads += 1
        await self.running.said(rf"(?s)(?:the configuration was read again: taken.*?){{{self.reloads}}}")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def configuration(name: str, agent: Relaying, url: str, issuers: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """*name*'s, whose public URL is *url*."""
    inbound = {"listen": url.removeprefix("http://"), "public_url": url, "timeouts": {"drain": "1s"}}
    kept = {"audit": {"subjects": "plain"}, "invocation": {"linger": "10m"}}
    return {"agent": {"name": name, "url": agent.url}, "inbound": inbound, "issuers": dict(issuers), **kept, **more}


def onwards(name: str, url: str) -> dict[str, Any]:
    """What lets an agent call *name* at *url* for its users."""
    return {
        "providers": {"next": {"type": "agent", "audience": name, "hand_out": True}},
        "egress": {"routes": {"next": {"url": url, "provider": "next", "private": True}}},
        "capabilities": {"go-on": {"who": {"kind": "user"}, "provider": "next", "routes": ["next"]}},
    }


@asynccontextmanager
async def behind(given: dict[str, Any], agent: Relaying, folder: Path) -> AsyncIterator[Behind]:
    async with sidecar(given, folder) as running:
        agent.egress = running.listener("egress")
        yield Behind(agent, running, given)


@dataclass
class Chain:
    planner: Behind
    travel: Behind
    booking: Behind
    people: Issuer
    strangers: Issuer
    """Another issuer, that the planner lets in and nobody lets it speak for."""
    client: aiohttp.ClientSession

    async def get(self, url: str, token: str | None = None) -> tuple[int, str | None]:
        """Status and the sidecar's own error."""
        async with self.client.get(url, headers=bearer(token) if token else {}) as answer:
            return answer.status, answer.headers.get("Sidecar-Error")

    async def call(self, path: str, token: str | None = None) -> int:
        """The planner is called, by alice."""
        usual = self.people.token(groups=["sales"], name="Alice", azp="web")
        return (await self.get(f"{self.planner.running.url}{path}", token or usual))[0]

    async def assertion(self) -> str:
        """What the planner's sidecar would send to the next agent for alice; it is handed out for once."""
        path = f"/{time.monotonic_ns()}"
        assert await self.call(path, self.people.token()) == 200
        handle = self.planner.agent.of(path)["x-identity-invocation"]
        url = f"{self.planner.running.listener('egress')}/v1/token"
        async with self.client.post(url, json={"provider": "next"}, headers=bearer(handle)) as answer:
            assert answer.status == 200, await answer.text()
            token: str = (await answer.json())["access_token"]
            return token


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chain(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Chain]:
    urls = [f"http://127.0.0.1:{free_port()}" for _ in range(3)]
    with serve_issuer() as people, serve_issuer() as strangers:
        shop = people.configured
        planner = {"type": "sidecar", "url": urls[0], "issuers": ["corporate"]}
        travel = {"type": "sidecar", "url": f"{urls[1]}/", "issuers": ["people"]}
        async with AsyncExitStack() as stack:
            one, two, three = [await stack.enter_async_context(Relaying().running()) for _ in range(3)]
            given: tuple[tuple[Relaying, str, dict[str, Any], dict[str, Any]], ...] = (
                (one, "planner", {"shop": shop, "strangers": strangers.configured}, onwards("travel", urls[1])),
                (two, "travel", {"corporate": shop, "planner": planner}, onwards("booking", urls[2])),
                (three, "booking", {"people": shop, "travel": travel}, {}),
            )
            started = [
                await stack.enter_async_context(
                    behind(configuration(name, agent, url, issuers, **more), agent, tmp_path_factory.mktemp(name))
                )
                for url, (agent, name, issuers, more) in zip(urls, given, strict=True)
            ]
            client = await stack.enter_async_context(aiohttp.ClientSession())
            yield Chain(started[0], started[1], started[2], people, strangers, client)


def trace_of(headers: Mapping[str, str]) -> str:
    return headers["traceparent"].split("-")[1]


async def test_one_workflow_has_one_user_and_one_trace_through_all_agents(chain: Chain) -> None:
    assert await chain.call("/next/next/end") == 200
    agents = (chain.planner, chain.travel, chain.booking)
    paths = ("/next/next/end", "/next/end", "/end")
    three = [here.agent.of(path) for here, path in zip(agents, paths, strict=True)]
    key = key_of(chain.people.url, "", "alice")
    assert {headers["x-identity-principal"] for headers in three} == {key}
    assert [headers["x-identity-issuer"] for headers in three] == ["shop", "corporate", "people"]
    for headers in three:
        assert (headers["x-identity-subject"], headers["x-identity-kind"]) == ("alice", "user")
        assert (headers["x-identity-groups"], headers["x-identity-client"]) == ("sales", "web")
        assert "authorization" not in headers
    assert len({headers["x-identity-invocation"] for headers in three}) == 3
    assert ["x-identity-name" in headers for headers in three] == [True, False, False]
    (trace,) = {trace_of(headers) for headers in three}
    for here, name in (*((here, "identity.init") for here in agents), (agents[0], ATTACHED), (agents[1], ATTACHED)):
        event = await here.running.event(lambda event, name=name: (event["name"], event["trace_id"]) == (name, trace))  # type: ignore[misc]  # mypy has no type for its default
        assert event["attributes"]["identity.principal.id"] == key


async def test_an_assertion_names_everyone_and_is_good_for_one_call_to_one_agent(chain: Chain) -> None:
    token = await chain.assertion()
    claims = claims_of(token)
    assert (claims["iss"], claims["aud"]) == (chain.planner.running.url, "travel")
    assert (claims["act"], claims["exp"] - claims["iat"]) == ({"sub": "planner"}, 30)
    assert claims["principal"] == {"issuer": chain.people.url, "subject": "alice", "kind": "user"}
    travel = chain.travel.running
    assert await chain.get(f"{chain.booking.running.url}/other", token) == (401, "issuer_unknown")
    assert await chain.get(f"{chain.planner.running.url}/back", token) == (401, "issuer_unknown")
    outcomes = await asyncio.gather(*(chain.get(f"{travel.url}/once-{number}", token) for number in range(20)))
    assert sorted(outcomes, key=str) == [(200, None), *[(401, "token_expired")] * 19]
    second = await chain.assertion()  # on one connection, byte for byte the same
    outcomes = [await chain.get(f"{travel.url}/same", second) for _ in range(3)]
    assert outcomes == [(200, None), (401, "token_expired"), (401, "token_expired")]
    async with chain.travel.instead(invocation={"linger": "9m"}):
        assert await chain.get(f"{travel.url}/again", token) == (401, "token_expired")
    await travel.event(
        lambda event: event["attributes"].get("identity.reason") == "token_expired: its jti has been used"
    )
    assert token not in travel.stderr + chain.planner.running.stderr


async def test_nobody_is_spoken_for_whose_issuer_was_not_named(chain: Chain) -> None:
    stranger = chain.strangers.token("alice")
    assert await chain.call("/here", stranger) == 200
    assert await chain.call("/next/there", stranger) == 401
    assert not chain.travel.agent.reached("/there")
    event = await chain.travel.running.event(lambda event: event["attributes"].get("error.type") == "issuer_unknown")
    assert "may not speak for" in event["attributes"]["identity.reason"]


async def test_the_agent_itself_can_not_call_the_next_one(chain: Chain) -> None:
    planner = chain.planner.running
    own = (planner.state.parent / "run" / "token").read_text()
    url = f"{planner.listener('egress')}/to/next/alone"
    assert await chain.get(url, own) == (403, "not_permitted")
    assert await chain.get(url) == (401, "invocation_missing")
    assert not chain.travel.agent.reached("/alone")


async def test_who_came_through_a_sidecar_goes_with_it(chain: Chain) -> None:
    travel = chain.travel
    assert await chain.call("/next/here") == 200
    assert await chain.get(f"{travel.running.url}/self", chain.people.token()) == (200, None)
    handles = [travel.agent.of(path)["x-identity-invocation"] for path in ("/here", "/self")]
    url = f"{travel.running.listener('egress')}/v1/principal"
    assert [await chain.get(url, handle) for handle in handles] == [(200, None), (200, None)]
    without = {name: each for name, each in travel.configuration["issuers"].items() if name != "planner"}
    async with travel.instead(issuers=without):
        assert [await chain.get(url, handle) for handle in handles] == [(401, "invocation_invalid"), (200, None)]
        assert await chain.call("/next/gone") == 401
    assert await chain.call("/next/back") == 200


async def test_in_a_crowd_everyone_arrives_as_themselves(chain: Chain) -> None:
    tokens = {user: chain.people.token(user) for user in (f"user-{number}" for number in range(20))}

    async def call(user: str, number: int) -> None:
        assert await chain.call(f"/next/{user}/{number}", tokens[user]) == 200
        assert chain.travel.agent.of(f"/{user}/{number}")["x-identity-subject"] == user

    for number in range(5):
        await asyncio.gather(*(call(user, number) for user in tokens))
