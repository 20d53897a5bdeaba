"""The identity API on the real egress listener."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509

from sidecar import sdk
from tests.examples import example
from tests.journeys.given import bearer, given
from tests.journeys.issuer import Issuer
from tests.running import Running, serving, sidecar

KEY, TOKEN = "the-real-key", "the-real-token"
PROVIDERS = {
    "model": {"type": "api_key", "key": KEY, "header": "x-api-key", "hand_out": True},
    "kept": {"type": "api_key", "key": KEY, "header": "x-api-key"},
    "static": {"type": "bearer", "token": TOKEN, "hand_out": True},
}
CAPABILITIES = {
    "key": {"who": "agent", "provider": "model"},
    "token": {"who": {"subject": "alice"}, "provider": "static"},
}


@pytest.fixture(scope="module")
def running(issuer: Issuer, fastapi: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    configuration = given(
        issuer,
        fastapi,
        providers=PROVIDERS,
        capabilities=CAPABILITIES,
        invocation={"detach": "10m", "linger": "10m", "baggage": True},
        audit={"subjects": "plain"},
        # Names only, so that the CA has a reason to be.
        egress={"routes": {"api": {"url": "https://api.example.com", "provider": "model"}}},
    )
    with serving(configuration, tmp_path_factory.mktemp("api")) as running:
        yield running


@pytest.fixture
async def api(running: Running) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(running.listener("egress")) as session:
        yield session


@pytest.fixture
def as_agent(running: Running) -> dict[str, str]:
    return bearer((running.state.parent / "run" / "token").read_text())


async def invoked(client: aiohttp.ClientSession, running: Running, issuer: Issuer, user: str) -> Mapping[str, str]:
    """What the agent got with a call by *user*."""
    async with client.get(f"{running.url}/echo", headers=bearer(issuer.token(user, name=user.title()))) as answer:
        return {name.lower(): value for name, value in (await answer.json())["headers"]}


async def handle_of(client: aiohttp.ClientSession, running: Running, issuer: Issuer, user: str = "alice") -> str:
    return (await invoked(client, running, issuer, user))["x-identity-invocation"]


async def problem(answer: aiohttp.ClientResponse) -> tuple[int, str]:
    document = await answer.json(content_type="application/problem+json")
    assert answer.headers["Sidecar-Error"] == document["code"]
    assert answer.headers["X-Trace-Id"] == document["trace_id"]
    return answer.status, str(document["code"])


async def test_the_principal_is_the_one_whose_call_it_is(
    running: Running, issuer: Issuer, client: aiohttp.ClientSession, api: aiohttp.ClientSession
) -> None:
    said = await asyncio.gather(*(invoked(client, running, issuer, user) for user in ("alice", "bob")))
    for headers, user in zip(said, ("alice", "bob"), strict=True):
        async with api.get("/v1/principal", headers=bearer(headers["x-identity-invocation"])) as answer:
            document = await answer.json()
        assert (document["id"], document["subject"]) == (headers["x-identity-principal"], user)
        assert document["trace_id"] == answer.headers["X-Trace-Id"] == headers["traceparent"].split("-")[1]
        event = await running.event(
            lambda event, trace=document["trace_id"]: (  # type: ignore[misc]  # mypy has no type for its default
                (event["name"], event["trace_id"]) == ("identity.principal_read", trace)
            )
        )
        assert event["attributes"]["identity.principal.subject"] == user


async def test_the_attach_handle_names_no_one(
    running: Running, issuer: Issuer, client: aiohttp.ClientSession, api: aiohttp.ClientSession
) -> None:
    headers = await invoked(client, running, issuer, "alice")
    attaching = re.search(r"identity\.invocation=(ih_[\w-]+)", headers["baggage"])
    assert attaching is not None
    async with api.get("/v1/principal", headers=bearer(attaching[1])) as answer:
        assert await problem(answer) == (401, "invocation_invalid")


async def test_secrets_are_handed_out_to_whom_a_capability_allows_it(
    running: Running,
    issuer: Issuer,
    client: aiohttp.ClientSession,
    api: aiohttp.ClientSession,
    as_agent: Mapping[str, str],
) -> None:
    alice, bob = [bearer(await handle_of(client, running, issuer, user)) for user in ("alice", "bob")]
    for headers in (alice, bob, as_agent):
        async with api.post("/v1/api-key", json={"provider": "model"}, headers=headers) as answer:
            assert await answer.json() == {"api_key": KEY}
    async with api.post("/v1/token", json={"provider": "static"}, headers=alice) as answer:
        assert (await answer.json())["access_token"] == TOKEN
    for headers in (bob, as_agent):
        async with api.post("/v1/token", json={"provider": "static"}, headers=headers) as answer:
            assert await problem(answer) == (403, "not_permitted")
    async with api.post("/v1/api-key", json={"provider": "kept"}, headers=alice) as answer:
        assert await problem(answer) == (403, "not_permitted")
    text = json.dumps(running.events()) + running.stderr + running.stdout
    assert KEY not in text
    assert TOKEN not in text


async def test_the_keys_and_the_ca_are_for_everyone(running: Running, api: aiohttp.ClientSession) -> None:
    async with api.get("/v1/jwks.json") as answer:
        (key,) = (await answer.json())["keys"]
        assert (key["kty"], key["alg"], "d" in key) == ("EC", "ES256", False)
    async with api.get("/v1/ca.pem") as answer:
        pem = await answer.read()
    x509.load_pem_x509_certificate(pem)
    assert pem == (running.state.parent / "run" / "ca.pem").read_bytes()


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://127.0.0.1"}, {"Sec-Fetch-Site": "same-origin"}, {"Host": "sidecar.example"}]
)
async def test_a_browser_is_told_nothing(
    running: Running,
    issuer: Issuer,
    client: aiohttp.ClientSession,
    api: aiohttp.ClientSession,
    headers: dict[str, str],
) -> None:
    handle = await handle_of(client, running, issuer)
    for path in ("/v1/principal", "/v1/jwks.json", "/v1/ca.pem"):
        async with api.get(path, headers={**headers, **bearer(handle)}) as answer:
            assert await problem(answer) == (403, "origin_refused")


async def test_what_there_is_not_is_not_found(
    running: Running, issuer: Issuer, client: aiohttp.ClientSession, api: aiohttp.ClientSession
) -> None:
    handle = await handle_of(client, running, issuer)
    for path in ("/v1/tool", "/v1/connections/", "/v1", "/v2/principal"):
        async with api.get(path, headers=bearer(handle)) as answer:
            assert await problem(answer) == (404, "route_unknown")
    async with api.post("/v1/principal", headers=bearer(handle)) as answer:
        assert await problem(answer) == (400, "bad_request")


async def test_a_large_head_is_answered_like_any_and_quoted_nowhere(
    running: Running, issuer: Issuer, client: aiohttp.ClientSession, api: aiohttp.ClientSession
) -> None:
    handle = await handle_of(client, running, issuer)
    many = {f"X-{number}": "a" * 50 for number in range(200)}
    async with api.get("/v1/principal", headers={**bearer(handle), "Cookie": "a" * 9000, **many}) as answer:
        assert answer.status == 200
    async with api.get("/v1/principal", headers=bearer(handle + "a" * 9000)) as answer:
        assert await problem(answer) == (401, "invocation_invalid")
    async with api.get(f"/v1/{'a' * 9000}", headers=bearer(handle)) as answer:
        assert await problem(answer) == (404, "route_unknown")
    assert handle not in running.stderr + json.dumps(running.events())


async def test_the_how_tos_work_goes_on_after_the_answer(
    running: Running, issuer: Issuer, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: dict[str, Any] = {}
    exec(example("how-to/sdk.md", "detach"), names)
    monkeypatch.setenv("SIDECAR_URL", running.listener("egress"))
    handle = await handle_of(client, running, issuer)
    seen: list[tuple[str | None, str, str | None]] = []

    def work() -> None:
        caller = sdk.principal()
        seen.append((sdk.handle(), caller.subject, caller.name))

    with sdk.invocation(handle):
        await asyncio.to_thread(names["later"], work)
    ((detached, subject, name),) = seen
    assert detached not in (None, handle)
    assert (subject, name) == ("alice", "Alice")


async def test_too_long_a_detachment_is_refused_with_how_long_it_may_be(
    running: Running, issuer: Issuer, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIDECAR_URL", running.listener("egress"))
    with sdk.invocation(await handle_of(client, running, issuer)), pytest.raises(sdk.Refused) as refused:
        await asyncio.to_thread(sdk.detach, 601)
    assert (refused.value.status, refused.value.code) == (403, "not_permitted")
    assert "600 seconds" in refused.value.detail


async def test_a_reload_is_in_force_with_the_next_request(
    issuer: Issuer, fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    with_key = given(issuer, fastapi, providers=PROVIDERS, capabilities=CAPABILITIES)
    async with sidecar(with_key, tmp_path) as running:
        agent = bearer((running.state.parent / "run" / "token").read_text())
        url, wanted = f"{running.listener('egress')}/v1/api-key", {"provider": "model"}
        async with client.post(url, json=wanted, headers=agent) as answer:
            assert answer.status == 200
        running.write(given(issuer, fastapi, providers=PROVIDERS, capabilities={}))
        running.reload()
        await running.said("the configuration was read again: taken")
        async with client.post(url, json=wanted, headers=agent) as answer:
            assert await problem(answer) == (403, "not_permitted")
