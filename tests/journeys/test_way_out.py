"""The way out, whole: an agent behind the real sidecar calls the world, and a reload takes away what it takes away."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import jwt
import pytest
from aiohttp import web

from sidecar.demo.server import serving
from tests.idp import AUDIENCE, Idp
from tests.relay.waiting import until
from tests.running import Running, sidecar
from tests.world import Answer, Seen, World

API, OTHER = "api.example.com", "other.example.com"
AGENT = "ag_" + "A" * 43
PROMISED = 1.0
"""Seconds, in which what is gone must be gone; tests allow five times as much."""


@dataclass
class Out:
    running: Running
    world: World
    idp: Idp
    client: aiohttp.ClientSession
    given: dict[str, Any]
    handles: dict[str, str] = field(default_factory=dict)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    calls: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def egress(self) -> str:
        return self.running.listener("egress")

    @property
    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.running.state.parent / "run" / "ca-bundle.pem"))

    async def handle(self, subject: str) -> str:
        """Of a call that stays open until ``done``."""

        async def call() -> None:
            headers = {"Authorization": f"Bearer {self.idp.token(sub=subject)}"}
            async with self.client.get(self.running.url, headers=headers) as answer:
                await answer.read()

        self.calls.append(asyncio.ensure_future(call()))
        await until(lambda: subject in self.handles)
        return self.handles[subject]

    async def get(self, url: str, handle: str = "", **more: Any) -> tuple[int, str, Any]:
        headers = {"X-Identity-Invocation": handle} if handle else {}
        async with self.client.get(url, headers=headers, **more) as answer:
            text = await answer.text()
            return answer.status, answer.headers.get("Sidecar-Error", ""), json.loads(text) if text[:1] == "{" else text

    async def tunnel(self, host: str, handle: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A tunnel that *handle* binds, after its TLS handshake."""
        place, port = self.egress.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(place, int(port))
        connect = f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\nProxy-Authorization: Bearer {handle}\r\n\r\n"
        writer.write(connect.encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        await writer.start_tls(self.trust, server_hostname=host)
        return reader, writer

    async def reload(self, **changed: Any) -> None:
        self.given = {**self.given, **changed}
        self.running.write(self.given)
        self.running.reload()
        await self.running.said("the configuration was read again: taken")


@asynccontextmanager
async def out(tmp_path: Path, **more: Any) -> AsyncIterator[Out]:
    at: list[Out] = []

    async def agent(request: web.Request) -> web.Response:
        at[0].handles[request.headers["X-Identity-Subject"]] = request.headers["X-Identity-Invocation"]
        await at[0].done.wait()
        return web.Response(text="done")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", agent)
    async with World([API, OTHER]) as world, Idp.start() as idp, serving(app) as url:
        given: dict[str, Any] = {
            **world.configured,
            "agent": {"name": AUDIENCE, "url": url, "token": {"env": "AGENT_TOKEN"}},
            "issuers": {"shop": {"type": "oidc", "issuer": idp.url, "audience": AUDIENCE}},
            "providers": {"token": {"type": "bearer", "token": {"env": "REAL"}}},
            "egress": {"routes": {"api": _route(world, API)}},
            "capabilities": {"call": {"who": "any", "routes": ["api"]}},
            "audit": {"subjects": "plain"},
            **more,
        }
        environ = {"REAL": "the-real-one", "AGENT_TOKEN": AGENT}
        async with sidecar(given, tmp_path, env=environ) as running, aiohttp.ClientSession() as client:
            at.append(Out(running, world, idp, client, given))
            try:
                yield at[0]
            finally:
                at[0].done.set()
                await asyncio.gather(*at[0].calls)


async def broken_off(call: "asyncio.Task[tuple[int, str, Any]]") -> None:
    """*call* must have come to nothing; a client that tries again on a new connection is refused there."""
    try:
        status, _, _ = await call
    except aiohttp.ClientError:
        return
    assert status in (401, 403, 404)


def _route(world: World, host: str, **more: Any) -> Mapping[str, Any]:
    return {"url": world.url(host), "provider": "token", "private": True, **more}


async def test_three_ways_lead_out_with_the_real_credential_and_without_the_handle(tmp_path: Path) -> None:
    async with out(tmp_path) as at:
        handle = await at.handle("alice")
        by_prefix = await at.get(f"{at.egress}/to/api/v1/x?q=1", handle)
        proxied: dict[str, Any] = {"proxy": at.egress, "ssl": at.trust}
        inside = await at.get(at.world.url(API, "/v1/x?q=1"), handle, **proxied)
        bound = await at.get(
            at.world.url(API, "/v1/x?q=1"), **proxied, proxy_headers={"Proxy-Authorization": f"Bearer {handle}"}
        )
        assert [answer[0] for answer in (by_prefix, inside, bound)] == [200, 200, 200]
        for seen in at.world.requests:
            assert (seen.host, seen.target, seen.tls) == (API, "/v1/x?q=1", True)
            assert seen.values("authorization") == ["Bearer the-real-one"]
            assert handle not in str(seen.headers)
        invocations = set()
        for _ in range(3):
            event = await at.running.event(lambda event: event["name"] == "identity.credential_attached")
            invocations.add(event["attributes"]["identity.invocation.id"])
        assert len(invocations) == 1


async def test_a_refusal_inside_a_tunnel_is_answered_inside_it(tmp_path: Path) -> None:
    async with out(tmp_path) as at:
        status, code, said = await at.get(at.world.url(API, "/"), proxy=at.egress, ssl=at.trust)
        assert (status, code, said["code"]) == (401, "invocation_missing", "invocation_missing")
        with pytest.raises(aiohttp.ClientHttpProxyError) as refused:
            await at.get("https://elsewhere.example.com/", proxy=at.egress, ssl=at.trust)
        assert (refused.value.status, refused.value.message) == (403, "destination_denied")
        assert not at.world.requests


async def test_a_whole_https_url_that_comes_without_a_tunnel_leaves_over_tls(tmp_path: Path) -> None:
    async with out(tmp_path) as at:
        handle = await at.handle("alice")
        reader, writer = await asyncio.open_connection(*at.egress.removeprefix("http://").split(":"))
        head = (
            f"GET {at.world.url(API, '/v1/x?q=1')} HTTP/1.1\r\nHost: {API}\r\nX-Identity-Invocation: {handle}\r\n\r\n"
        )
        writer.write(head.encode())
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        writer.close()
        (seen,) = at.world.requests
        assert (seen.host, seen.target, seen.tls) == (API, "/v1/x?q=1", True)
        assert seen.values("authorization") == ["Bearer the-real-one"]


async def test_a_refusal_names_the_listener_that_it_is_of(tmp_path: Path) -> None:
    async with out(tmp_path) as at:
        place = at.egress.removeprefix("http://")
        status, _, _ = await at.get(f"{at.egress}/to/api/x", AGENT)
        assert status == 403  # it is up, and takes handles

        async def said(fields: str) -> tuple[bytes, dict[str, Any]]:
            reader, writer = await asyncio.open_connection(*place.split(":"))
            writer.write(f"GET {at.world.url(API, '/')} HTTP/1.1\r\nHost: {API}\r\n{fields}\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            body: dict[str, Any] = json.loads(await reader.readexactly(length))
            writer.close()
            return head.split()[1], body

        status_line, problem = await said("")
        assert (status_line, problem["code"]) == (b"407", "invocation_missing")
        assert f"http://<handle>:x@{place}," in problem["detail"]
        status_line, problem = await said(f"X-Long: {'y' * 40_000}\r\n")
        assert (status_line, problem["code"]) == (b"431", "too_large")
        assert "egress.limits.head" in problem["detail"]


async def test_an_answer_loses_what_only_the_sidecar_says(tmp_path: Path) -> None:
    async with out(tmp_path) as at:
        at.world.says[API] = Answer(
            403, [("Sidecar-Error", "not_permitted"), ("X-Identity-Subject", "eve"), ("X-Trace-Id", "0" * 32)]
        )
        handle = await at.handle("alice")
        headers = {"X-Identity-Invocation": handle}
        async with at.client.get(f"{at.egress}/to/api/x", headers=headers) as answer:
            assert answer.status == 403
            assert "Sidecar-Error" not in answer.headers
            assert "X-Identity-Subject" not in answer.headers
            assert answer.headers.getall("X-Trace-Id") != ["0" * 32]


async def test_a_handle_dies_and_all_that_it_opened_with_it(tmp_path: Path) -> None:
    async with out(tmp_path, invocation={"linger": "0s"}) as at:
        at.world.says[API] = Answer(seconds=30.0)
        handle = await at.handle("alice")
        reader, _writer = await at.tunnel(API, handle)
        waiting = asyncio.ensure_future(at.get(f"{at.egress}/to/api/slow", handle))
        await until(lambda: at.world.requests)
        at.done.set()
        async with asyncio.timeout(5 * PROMISED):
            assert await reader.read() == b""
            await broken_off(waiting)
        assert (await at.get(f"{at.egress}/to/api/x", handle))[:2] == (401, "invocation_invalid")


async def test_a_route_that_is_gone_takes_its_tunnels_and_calls_with_it(tmp_path: Path) -> None:
    async with out(tmp_path) as at:
        routes = {"api": _route(at.world, API), "other": _route(at.world, OTHER)}
        capabilities = {"call": {"who": "any", "routes": ["api"]}, "more": {"who": "any", "routes": ["other"]}}
        await at.reload(egress={"routes": routes}, capabilities=capabilities)
        at.world.says[OTHER] = Answer(seconds=30.0)
        handle = await at.handle("alice")
        kept_reader, kept_writer = await at.tunnel(API, handle)
        gone_reader, _gone = await at.tunnel(OTHER, handle)
        waiting = asyncio.ensure_future(at.get(f"{at.egress}/to/other/slow", handle))
        await until(lambda: at.world.requests)
        await at.reload(egress={"routes": {"api": routes["api"]}}, capabilities={"call": capabilities["call"]})
        async with asyncio.timeout(5 * PROMISED):
            assert await gone_reader.read() == b""
            await broken_off(waiting)
        assert (await at.get(f"{at.egress}/to/other/x", handle))[:2] == (404, "route_unknown")
        kept_writer.write(f"GET /still HTTP/1.1\r\nHost: {API}\r\n\r\n".encode())
        assert (await kept_reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")


async def test_a_capability_that_is_gone_ends_what_it_allowed(tmp_path: Path) -> None:
    async with out(tmp_path) as at:
        at.world.says[API] = Answer(seconds=30.0)
        handle = await at.handle("alice")
        waiting = asyncio.ensure_future(at.get(f"{at.egress}/to/api/slow", handle))
        await until(lambda: at.world.requests)
        await at.reload(capabilities={"call": {"who": {"groups": ["board"]}, "routes": ["api"]}})
        async with asyncio.timeout(5 * PROMISED):
            await broken_off(waiting)
        assert (await at.get(f"{at.egress}/to/api/x", handle))[:2] == (403, "not_permitted")


async def test_a_provider_that_has_changed_attaches_what_it_is_now(tmp_path: Path) -> None:
    async with out(tmp_path) as at:
        handle = await at.handle("alice")
        await at.get(f"{at.egress}/to/api/x", handle)
        await at.reload(providers={"token": {"type": "bearer", "token": "another-one"}})
        await at.get(f"{at.egress}/to/api/x", handle)
        assert [seen.values("authorization") for seen in at.world.requests] == [
            ["Bearer the-real-one"],
            ["Bearer another-one"],
        ]


async def test_a_new_host_needs_a_new_ca_and_says_that_the_agent_must_restart(tmp_path: Path) -> None:
    async with out(tmp_path) as at:
        before = (at.running.state.parent / "run" / "ca.pem").read_bytes()
        routes = {"api": _route(at.world, API), "other": _route(at.world, OTHER)}
        await at.reload(egress={"routes": routes}, capabilities={"call": {"who": "any", "routes": ["api", "other"]}})
        await at.running.said("restart the agent, which trusts the old")
        assert (at.running.state.parent / "run" / "ca.pem").read_bytes() != before
        handle = await at.handle("alice")
        proxied: dict[str, Any] = {"proxy": at.egress, "ssl": at.trust}
        for host in (API, OTHER):
            assert (await at.get(at.world.url(host, "/"), handle, **proxied))[0] == 200


async def test_the_agents_files_are_as_convention_has_them(tmp_path: Path) -> None:
    async with out(tmp_path) as at:
        run = at.running.state.parent / "run"
        assert (run / "token").read_text() == AGENT
        assert (run / "ca.pem").read_bytes() in (run / "ca-bundle.pem").read_bytes()
        async with at.client.get(f"{at.egress}/v1/ca.pem") as answer:
            assert await answer.read() == (run / "ca.pem").read_bytes()


async def test_past_all_routes_a_tunnel_is_blind_and_needs_a_handle(tmp_path: Path) -> None:
    async with out(tmp_path) as at:
        await at.reload(egress={"default": "tunnel", "routes": {"api": _route(at.world, API)}})
        with pytest.raises(aiohttp.ClientHttpProxyError) as refused:
            await at.get(at.world.url(OTHER, "/"), proxy=at.egress, ssl=at.trust)
        assert refused.value.status == 407
        # Private addresses are for routes that say so.
        with pytest.raises(aiohttp.ClientHttpProxyError) as denied:
            await at.get(
                at.world.url(OTHER, "/"),
                proxy=at.egress,
                ssl=at.trust,
                proxy_headers={"Proxy-Authorization": f"Bearer {AGENT}"},
            )
        assert (denied.value.status, denied.value.message) == (403, "destination_denied")


async def test_a_callers_own_token_is_exchanged_for_one_that_is_good_at_the_api(tmp_path: Path) -> None:
    def tokens(request: Seen) -> Answer:
        form = dict(parse_qsl(request.body.decode()))
        subject, actor = (
            jwt.decode(form[f"{who}_token"], options={"verify_signature": False}) for who in ("subject", "actor")
        )
        assert (actor["iss"], actor["sub"]) == ("https://agent.example.com", AUDIENCE)
        token = f"of-{subject['sub']}-{len(at.world.requests)}"
        return Answer(200, body=json.dumps({"access_token": token, "token_type": "Bearer", "expires_in": 600}).encode())

    async with out(tmp_path, inbound={"listen": "127.0.0.1:0", "public_url": "https://agent.example.com"}) as at:
        at.world.says[OTHER] = tokens
        before = await at.handle("before")
        exchange = {"type": "exchange", "standard": "rfc8693", "client_id": "travel", "client_secret": "s"}
        await at.reload(
            providers={"token": {**exchange, "token_url": at.world.url(OTHER, "/token"), "hand_out": True}},
            capabilities={"call": {"who": "any", "provider": "token", "routes": ["api"]}},
        )
        status, code, body = await at.get(f"{at.egress}/to/api/x", before)
        assert (status, code) == (403, "not_permitted")
        assert "called again" in body["detail"]
        for subject in ("alice", "bob"):
            handle = await at.handle(subject)
            for _ in range(2):
                assert (await at.get(f"{at.egress}/to/api/x", handle))[0] == 200
        seen = [request.values("authorization")[0] for request in at.world.requests if request.host == API]
        assert seen == ["Bearer of-alice-1", "Bearer of-alice-1", "Bearer of-bob-4", "Bearer of-bob-4"]
        headers = {"X-Identity-Invocation": at.handles["bob"]}
        async with at.client.post(f"{at.egress}/v1/token", json={"provider": "token"}, headers=headers) as answer:
            assert (await answer.json())["access_token"] == "of-bob-4"
        event = await at.running.event(lambda event: event["name"] == "identity.token_refreshed")
        assert event["attributes"]["identity.principal.subject"] == "alice"
