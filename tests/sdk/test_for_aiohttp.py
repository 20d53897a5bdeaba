"""aiohttp, unmodified: each request is the current invocation's, and only the sidecar sees whose."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from sidecar import sdk
from tests.sdk.conftest import API, OTHER, direct, leaked
from tests.sdk.handles import HANDLES
from tests.sdk.way_out import WayOut
from tests.world import World

ALICE, BOB = HANDLES[:2]


@pytest.fixture
async def session(way_out: WayOut, world: World) -> AsyncIterator[aiohttp.ClientSession]:
    # aiohttp reads SSL_CERT_FILE once, when it is imported.
    connector = aiohttp.TCPConnector(ssl=world.certificates.client())
    async with aiohttp.ClientSession(connector=connector, middlewares=[sdk.aiohttp_middleware()]) as session:
        yield session


async def text(session: aiohttp.ClientSession, url: str, **options: dict[str, str]) -> str:
    async with session.get(url, **options) as answer:  # type: ignore[arg-type]  # options of several types
        assert answer.status == 200
        return await answer.text()


async def test_over_tls_the_handle_is_the_proxys_user_and_nowhere_else(
    session: aiohttp.ClientSession, way_out: WayOut, world: World
) -> None:
    for handle in (ALICE, BOB, ALICE, BOB):
        with sdk.invocation(handle):
            await text(session, world.url(API, "/a"))
    await text(session, world.url(API))
    assert way_out.tunnels == [ALICE, BOB, "ag_secret"]
    assert [seen.connection for seen in world.requests][:2] == [seen.connection for seen in world.requests][2:4]
    assert leaked(world) == []


async def test_through_a_prefix_and_plain_http_it_is_a_header(session: aiohttp.ClientSession, way_out: WayOut) -> None:
    with sdk.invocation(ALICE):
        await text(session, f"{way_out.url}/to/github/user")
        await text(session, "http://plain.example.com/")
    assert [(came.target, came.header, came.user) for came in way_out.came] == [
        ("/to/github/user", ALICE, None),
        ("http://plain.example.com/", ALICE, None),
    ]


async def test_past_the_sidecar_there_is_none_not_even_the_requests_own(
    session: aiohttp.ClientSession, way_out: WayOut, world: World
) -> None:
    with sdk.invocation(ALICE):
        await text(session, direct(world), headers={"X-Identity-Invocation": ALICE})
    assert (len(world.requests), way_out.came, leaked(world)) == (1, [], [])


async def test_the_requests_own_handle_is_moved_to_where_it_is_safe(
    session: aiohttp.ClientSession, way_out: WayOut, world: World
) -> None:
    with sdk.invocation(ALICE):
        await text(session, world.url(API), headers={"X-Identity-Invocation": BOB})
    assert (way_out.tunnels, leaked(world)) == ([BOB], [])


async def test_a_redirect_takes_no_handle_along(session: aiohttp.ClientSession, way_out: WayOut, world: World) -> None:
    with sdk.invocation(ALICE):
        for to in (direct(world), world.url(API)):
            assert '"GET"' in await text(session, f"{way_out.url}/to/github/", params={"to": to})
    assert [came.header for came in way_out.came] == [ALICE, ALICE, None]
    assert (len(world.requests), leaked(world)) == (2, [])


async def test_tasks_of_one_session_keep_every_call_apart(
    session: aiohttp.ClientSession, way_out: WayOut, world: World
) -> None:
    async def one(handle: str) -> None:
        with sdk.invocation(handle):
            await asyncio.gather(*(text(session, world.url(host, "/a")) for host in (API, OTHER)))
            assert handle in await text(session, f"{way_out.url}/to/x")
            await text(session, f"{way_out.url}/to/x", params={"to": direct(world)})

    await asyncio.gather(*map(one, HANDLES))
    assert sorted(filter(None, way_out.tunnels)) == sorted(HANDLES * 2)
    assert leaked(world) == []


async def test_what_the_sidecar_denies_is_the_proxys_refusal(session: aiohttp.ClientSession, way_out: WayOut) -> None:
    with sdk.invocation(ALICE), pytest.raises(aiohttp.ClientHttpProxyError, match="destination_denied"):
        await text(session, "https://nowhere.example.com/")
    assert way_out.tunnels == [ALICE]
