"""A team's own policies, and the shadow mode, in a sidecar that runs."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp

from tests.journeys.given import bearer, given
from tests.journeys.handmade import listening
from tests.journeys.issuer import Issuer
from tests.journeys.seen import seen
from tests.running import Running, sidecar

PERMIT = 'permit (principal is Principal, action == Action::"call", resource == Route::"api");\n'
FORBID = '@id("no-bob") forbid (principal is Principal, action, resource) when { principal.subject == "bob" };\n'


def configured(issuer: Issuer, fastapi: str, api: str, **more: Any) -> dict[str, Any]:
    return given(
        issuer,
        fastapi,
        egress={"routes": {"api": {"url": api, "private": True}}},
        capabilities={"sales": {"who": {"groups": ["sales"]}, "routes": ["api"], "tools": ["desk/open"]}},
        tools={"desk": ["open"]},
        invocation={"linger": "1m"},
        audit={"subjects": "plain"},
        **more,
    )


async def ticking(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An answer that doesn't end where ``/stream`` is asked for, else a short one."""
    head = await reader.readuntil(b"\r\n\r\n")
    if b" /stream " not in head:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        return
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"2\r\nok\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


async def called(client: aiohttp.ClientSession, running: Running, handle: str) -> tuple[int, str]:
    url = f"{running.listener('egress')}/to/api/x"
    async with client.get(url, headers={"X-Identity-Invocation": handle}) as answer:
        return answer.status, answer.headers.get("Sidecar-Error", "")


async def test_policies_of_ones_own_decide_beside_capabilities_and_their_change_ends_what_goes_on(
    issuer: Issuer, fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with listening(ticking) as api:
        own = tmp_path / "own.cedar"
        own.write_text(PERMIT)
        configuration = configured(issuer, fastapi, api, policy={"files": [str(own)]}, reload="watch")
        async with sidecar(configuration, tmp_path) as running:
            bob = issuer.token("bob", groups=["eng"])
            handle = (await seen(client, running, bob))["x-identity-invocation"]
            assert await called(client, running, handle) == (200, "")  # as the file permits
            permitted = await running.event(lambda event: event["name"] == "identity.credential_attached")
            assert permitted["attributes"]["identity.capability"] == "own.cedar:1"
            url = f"{running.listener('egress')}/to/api/stream"
            async with client.get(url, headers={"X-Identity-Invocation": handle}) as stream:
                assert await stream.content.readexactly(2) == b"ok"
                own.write_text(PERMIT + FORBID)
                await running.said("the configuration was read again: taken")
                async with asyncio.timeout(5):
                    with suppress(aiohttp.ClientPayloadError):
                        await stream.content.read()
            assert await called(client, running, handle) == (403, "not_permitted")
            async with client.get(f"{running.url}/echo", headers=bearer(bob)) as answer:
                assert answer.status == 403
            denied = await running.event(lambda event: event["name"] == "identity.egress_denied")
            assert denied["attributes"]["identity.capability"] == "no-bob"
            rejected = await running.event(lambda event: event["name"] == "identity.rejected")
            assert "no-bob: it forbids this" in rejected["attributes"]["identity.reason"]
            own.write_text("permit (;")
            await running.said("own.cedar, which cannot be taken: line 1: ")
            assert await called(client, running, handle) == (403, "not_permitted")  # the old ones stay in force


async def test_the_shadow_mode_refuses_nothing_and_records_what_would_be(
    issuer: Issuer, fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with listening(ticking) as api:
        shadowed = {"policy": {"mode": "shadow"}, "inbound": {"who": {"groups": ["sales"]}}}
        async with sidecar(configured(issuer, fastapi, api, **shadowed), tmp_path) as running:
            headers = await seen(client, running, issuer.token("bob", groups=["eng", "bob@acme.example"]))
            assert headers["x-identity-tools"] == "desk/open"
            assert await called(client, running, headers["x-identity-invocation"]) == (200, "")
            opened = (await running.event(lambda event: event["name"] == "identity.init"))["attributes"]
            assert opened["identity.outcome"] == "shadowed"
            assert opened["identity.reason"] == "inbound.who: groups: none of sales"
            assert opened["identity.principal.groups"] == ["eng"]
            left = await running.event(lambda event: event["name"] == "identity.credential_attached")
            assert left["attributes"]["identity.outcome"] == "shadowed"
            assert left["attributes"]["identity.reason"] == "sales: who.groups: none of sales"
            await seen(client, running, issuer.token("alice", groups=["sales"]))
            running.write(configured(issuer, fastapi, api, inbound=shadowed["inbound"]))
            running.reload()
            await running.said("the configuration was read again: taken")
            async with client.get(f"{running.url}/echo", headers=bearer(issuer.token("bob", groups=["eng"]))) as answer:
                assert answer.status == 403
            assert await called(client, running, headers["x-identity-invocation"]) == (403, "not_permitted")
