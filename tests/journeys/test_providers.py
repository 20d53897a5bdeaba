"""Credentials on the way out, by the real binary: keys, tokens that are got, and providers that are out of order."""

import asyncio
import base64
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import pytest
import pytest_asyncio

from tests.journeys.given import bearer, given
from tests.journeys.issuer import issuer as serve_issuer
from tests.running import Running, sidecar
from tests.world import Answer, Seen, World

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY, SECRET = "sk-the/real+key", "the-client's secret"
API, UNTRUSTED = "api.example.com", "wrong.tokens.example"
STATIC: Mapping[str, tuple[dict[str, Any], tuple[str, str]]] = {
    "plain": ({"type": "api_key", "key": KEY}, ("authorization", KEY)),
    "named": ({"type": "api_key", "key": KEY, "header": "X-Api-Key"}, ("x-api-key", KEY)),
    "prefixed": ({"type": "api_key", "key": KEY, "prefix": "Token"}, ("authorization", f"Token {KEY}")),
    "basic": (
        {"type": "api_key", "key": KEY, "basic": "me"},
        ("authorization", f"Basic {base64.b64encode(f'me:{KEY}'.encode()).decode()}"),
    ),
    "static": ({"type": "bearer", "token": KEY}, ("authorization", f"Bearer {KEY}")),
}
BROKEN: Mapping[str, Answer] = {
    "slow": Answer(seconds=30),
    "limited": Answer(429, [("Retry-After", "17")], b"slow down"),
    "failing": Answer(503, [("Retry-After", "9")], b"<html>Maintenance</html>"),
    "page": Answer(200, [("Content-Type", "text/html")], b"<html>Sign in, please</html>"),
    "refusing": Answer(401, body=json.dumps({"error": "invalid_client", "error_description": SECRET}).encode()),
    "huge": Answer(200, body=b"{" + b" " * (1 << 20) + b"}"),
    "empty": Answer(200, body=b'{"access_token":"","token_type":"Bearer"}'),
    "forging": Answer(200, body=b'{"access_token":"a\\r\\nX-Admin: 1","token_type":"Bearer"}'),
    "bound": Answer(200, body=b'{"access_token":"abc","token_type":"DPoP"}'),
    "silent": Answer(raw=b""),
    "garbled": Answer(raw=b"SSH-2.0-OpenSSH_9.9\r\n"),
}
HOSTS = {name: f"{name}.tokens.example" for name in ("good", "shared", *BROKEN)}


def client_of(host: str, **more: Any) -> dict[str, Any]:
    usual = {"client_id": "travel", "client_secret": SECRET, "grant": "client_credentials"}
    return {"type": "oauth2", "token_url": f"https://{host}/token", **usual, **more}


def tokens(prefix: str, seconds: float = 0.0) -> Any:
    """A token endpoint: each token is another one."""
    given: Counter[str] = Counter()

    def says(request: Seen) -> Answer:
        given[prefix] += 1
        body = {"access_token": f"{prefix}-{given[prefix]}", "token_type": "Bearer", "expires_in": 3600}
        return Answer(200, body=json.dumps(body).encode(), seconds=seconds)

    return says


@dataclass
class Stage:
    running: Running
    world: World
    client: aiohttp.ClientSession
    own: str
    """The agent's handle."""

    async def call(self, route: str, path: str = "/x", **headers: str) -> tuple[int, dict[str, Any], Mapping[str, str]]:
        """The agent calls by *route*: status, what the API saw or the problem, headers."""
        url = f"{self.running.listener('egress')}/to/{route}{path}"
        async with self.client.get(url, headers={"X-Identity-Invocation": self.own, **headers}) as answer:
            return answer.status, await answer.json(content_type=None), answer.headers

    def asked(self, name: str) -> list[Seen]:
        return [request for request in self.world.requests if request.host == HOSTS[name]]


def fields(body: Mapping[str, Any], name: str) -> list[str]:
    return [value for key, value in body["headers"] if key.lower() == name]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("providers")
    providers = {name: provider for name, (provider, _) in STATIC.items()}
    providers["query"] = {"type": "api_key", "key": KEY, "query": "api_key"}
    providers |= {name: client_of(host) for name, host in HOSTS.items()}
    providers["untrusted"] = client_of(UNTRUSTED)
    providers["down"] = client_of("down.tokens.example")
    providers["shared"]["hand_out"] = True
    routes = {name: {"url": f"https://{API}/{name}", "provider": name, "private": True} for name in providers}
    routes["good"]["scopes"] = ["calendar.read"]
    with serve_issuer() as issuer:
        async with (
            World([API, *HOSTS.values()], wrong={UNTRUSTED: "self-signed"}) as world,
            aiohttp.ClientSession() as client,
        ):
            world.says |= {HOSTS[name]: answer for name, answer in BROKEN.items()}
            world.says |= {HOSTS[name]: tokens(name, 0.2) for name in ("good", "shared")}
            configuration = given(
                issuer,
                "http://127.0.0.1:9",
                providers=providers,
                egress={"routes": routes, "timeouts": {"first_byte": "2s"}},
                capabilities={
                    name: {"who": "agent", "provider": name, "routes": [name], "scopes": ["calendar.read", "b"]}
                    for name in providers
                },
                tls=world.configured["tls"],
                resolve={**world.resolve, "down.tokens.example": "127.0.0.9"},
            )
            async with sidecar(configuration, folder) as running:
                own = (running.state.parent / "run" / "token").read_text()
                yield Stage(running, world, client, own)


@pytest.mark.parametrize("name", STATIC)
async def test_a_key_is_attached_whatever_the_agent_put_there(stage: Stage, name: str) -> None:
    _, (header, value) = STATIC[name]
    status, body, _ = await stage.call(name, **{header: "placeholder"})
    assert status == 200
    assert fields(body, header) == [value]


async def test_a_key_in_the_query_takes_every_place_of_its_name(stage: Stage) -> None:
    status, body, _ = await stage.call("query", "/x?a=1&api_key=placeholder&b=2&api%5Fkey=other")
    assert status == 200
    assert body["target"] == "/query/x?a=1&b=2&api_key=sk-the%2Freal%2Bkey"


async def test_a_token_is_got_once_for_all_calls_and_attached(stage: Stage) -> None:
    calls = await asyncio.gather(*(stage.call("good") for _ in range(50)))
    assert {status for status, _, _ in calls} == {200}
    assert {value for _, body, _ in calls for value in fields(body, "authorization")} == {"Bearer good-1"}
    (request,) = stage.asked("good")
    assert (request.method, request.target) == ("POST", "/token")
    assert parse_qs(request.body.decode()) == {"grant_type": ["client_credentials"], "scope": ["calendar.read"]}
    assert request.values("authorization") == ["Basic " + base64.b64encode(b"travel:the-client%27s+secret").decode()]
    event = await stage.running.event(
        lambda event: (
            (event["name"], event["attributes"].get("identity.provider")) == ("identity.token_refreshed", "good")
        )
    )
    assert event["attributes"]["identity.scopes"] == ["calendar.read"]


async def test_a_token_that_is_handed_out_is_the_attached_one_until_a_new_one_is_forced(stage: Stage) -> None:
    async def vended(**more: Any) -> dict[str, Any]:
        body = {"provider": "shared", "scopes": [], **more}
        url = f"{stage.running.listener('egress')}/v1/token"
        async with stage.client.post(url, json=body, headers=bearer(stage.own)) as answer:
            assert answer.status == 200, await answer.text()
            token: dict[str, Any] = await answer.json()
            return token

    first = await vended()
    assert first["access_token"] == "shared-1"
    assert fields((await stage.call("shared"))[1], "authorization") == ["Bearer shared-1"]
    assert (await vended(force=True))["access_token"] == "shared-2"
    assert fields((await stage.call("shared"))[1], "authorization") == ["Bearer shared-2"]


async def test_where_nobody_says_which_scopes_those_are_asked_for_that_the_capability_names(stage: Stage) -> None:
    """And never none, for which a server gives what it likes."""
    url, body = f"{stage.running.listener('egress')}/v1/token", {"provider": "shared"}
    async with stage.client.post(url, json=body, headers=bearer(stage.own)) as answer:
        assert (await answer.json())["scopes"] == ["b", "calendar.read"]
    assert (await stage.call("shared"))[0] == 200
    scopes = [parse_qs(request.body.decode()).get("scope") for request in stage.asked("shared")]
    assert scopes
    assert set(map(str, scopes)) == {"['b calendar.read']"}


@pytest.mark.parametrize(
    ("name", "status", "code", "wait", "says"),
    [
        ("slow", 504, "timeout", "1", "in time"),
        ("limited", 429, "rate_limited", "17", "Retry-After"),
        ("failing", 502, "provider_unreachable", "9", "status"),
        ("page", 502, "provider_unreachable", None, "no OAuth server"),
        ("refusing", 502, "provider_unreachable", None, "client_secret"),
        ("huge", 502, "provider_unreachable", "1", "larger than"),
        ("empty", 502, "provider_unreachable", None, "can't be used"),
        ("forging", 502, "provider_unreachable", None, "can't be used"),
        ("bound", 502, "provider_unreachable", None, "bearer tokens"),
        ("silent", 502, "provider_unreachable", "1", "closed"),
        ("garbled", 502, "provider_unreachable", "1", "not HTTP"),
        ("down", 502, "provider_unreachable", "1", "reaches"),
        ("untrusted", 502, "provider_unreachable", "1", UNTRUSTED),
    ],
)
async def test_a_provider_that_is_out_of_order_is_a_clear_refusal_and_hurts_nobody_else(
    stage: Stage, name: str, status: int, code: str, wait: str | None, says: str
) -> None:
    began = time.monotonic()
    broken = [asyncio.ensure_future(stage.call(name)) for _ in range(20)]
    await asyncio.sleep(0.01)
    assert (await stage.call("named"))[0] == 200
    unhurt = time.monotonic() - began
    for found, problem, headers in await asyncio.gather(*broken):
        assert (found, problem["code"], headers["Sidecar-Error"]) == (status, code, code)
        assert headers.get("Retry-After") == wait
        assert says in problem["detail"]
        assert name in problem["detail"]
        assert SECRET not in json.dumps(problem)
        assert "html" not in json.dumps(problem)
    assert time.monotonic() - began < 4.0
    assert unhurt < 1.0
    if name in BROKEN:
        assert len(stage.asked(name)) == 1


async def test_nothing_of_a_secret_is_in_any_log(stage: Stage) -> None:
    await stage.running.event(lambda event: event["attributes"].get("error.type") == "rate_limited")
    everything = stage.running.stderr + stage.running.stdout + json.dumps(stage.running.events())
    for secret in (KEY, SECRET, "the-client%27s", "good-1", "shared-1", "X-Admin", "Sign in", stage.own):
        assert secret not in everything
    assert "invalid_client" in everything
