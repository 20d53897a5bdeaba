"""httpx and httpx2, unmodified: each request is the current invocation's, and only the sidecar sees whose."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future

import httpx
import httpx2
import pytest

from sidecar import sdk
from sidecar.sdk.hook import MOST_LANES
from tests.sdk.conftest import API, OTHER, direct, leaked
from tests.sdk.handles import HANDLES
from tests.sdk.way_out import WayOut
from tests.world import Answer, World

ALICE, BOB = HANDLES[:2]


@pytest.fixture
def client(way_out: WayOut) -> Iterator[httpx.Client]:
    with httpx.Client(transport=sdk.httpx_transport(), follow_redirects=True) as client:
        yield client


@pytest.fixture
async def several(way_out: WayOut) -> AsyncIterator[httpx.AsyncClient]:
    transport = sdk.httpx_async_transport()
    async with httpx.AsyncClient(transport=transport, follow_redirects=True, timeout=20) as client:
        yield client


def test_over_tls_the_handle_is_the_proxys_user_and_nowhere_else(
    client: httpx.Client, way_out: WayOut, world: World
) -> None:
    for handle in (ALICE, BOB, ALICE, BOB):
        with sdk.invocation(handle):
            assert client.post(world.url(API, "/a"), json={"whose": handle[-1]}).json()["target"] == "/a"
    assert client.get(world.url(API)).is_success
    assert way_out.tunnels == [ALICE, BOB, "ag_secret"]
    assert [seen.connection for seen in world.requests][:2] == [seen.connection for seen in world.requests][2:4]
    assert leaked(world) == []


def test_through_a_prefix_and_plain_http_it_is_a_header(client: httpx.Client, way_out: WayOut) -> None:
    with sdk.invocation(ALICE):
        answer = client.get(f"{way_out.url}/to/github/user", headers={"Accept": "text/plain"})
        assert answer.json()["headers"]["accept"] == "text/plain"
        assert client.get("http://plain.example.com/").is_success
    assert [(came.target, came.header, came.user) for came in way_out.came] == [
        ("/to/github/user", ALICE, None),
        ("http://plain.example.com/", ALICE, None),
    ]
    assert "X-Identity-Invocation" not in answer.request.headers


def test_past_the_sidecar_there_is_none_not_even_the_requests_own(
    client: httpx.Client, way_out: WayOut, world: World
) -> None:
    with sdk.invocation(ALICE):
        assert client.get(direct(world), headers={"X-Identity-Invocation": ALICE}).is_success
    assert (len(world.requests), way_out.came, leaked(world)) == (1, [], [])


def test_the_requests_own_handle_is_moved_to_where_it_is_safe(
    client: httpx.Client, way_out: WayOut, world: World
) -> None:
    with sdk.invocation(ALICE):
        assert client.get(world.url(API), headers={"X-Identity-Invocation": BOB}).is_success
    assert (way_out.tunnels, leaked(world)) == ([BOB], [])


def test_a_redirect_takes_no_handle_along(client: httpx.Client, way_out: WayOut, world: World) -> None:
    with sdk.invocation(ALICE):
        for to in (direct(world), world.url(API)):
            assert client.get(f"{way_out.url}/to/github/", params={"to": to}).json()["method"] == "GET"
    assert [came.header for came in way_out.came] == [ALICE, ALICE, None]
    assert (len(world.requests), leaked(world)) == (2, [])


def test_a_client_of_many_threads_keeps_every_call_apart(client: httpx.Client, way_out: WayOut, world: World) -> None:
    def call(number: int) -> str:
        return str(client.get(world.url(API, f"/{number}")).json()["target"])

    futures: list[Future[str]] = []
    with sdk.Executor(8) as executor:
        for number, handle in enumerate(HANDLES * 3):
            with sdk.invocation(handle):
                futures.append(executor.submit(call, number))
    assert [future.result() for future in futures] == [f"/{number}" for number in range(len(futures))]
    assert set(way_out.tunnels) == set(HANDLES)
    assert leaked(world) == []


def test_tunnels_that_nobody_uses_any_more_are_closed_and_others_are_not(
    client: httpx.Client, way_out: WayOut, world: World
) -> None:
    world.says[API] = Answer(body=b"x" * 100_000, pieces=40)
    before = len(world.open)
    with sdk.invocation(ALICE), client.stream("GET", world.url(API)) as answer:
        pieces = answer.iter_bytes()
        taken = len(next(pieces))
        for number in range(MOST_LANES + 5):
            with sdk.invocation(f"ih_{number:043}"):
                assert client.get(world.url(OTHER)).is_success
        assert taken + sum(map(len, pieces)) == 4_000_000
    assert len(world.open) - before <= MOST_LANES + 1


def test_what_the_sidecar_denies_is_the_proxys_refusal(client: httpx.Client, way_out: WayOut) -> None:
    with sdk.invocation(ALICE), pytest.raises(httpx.ProxyError, match="destination_denied"):
        client.get("https://nowhere.example.com/")
    assert way_out.tunnels == [ALICE]


async def test_tasks_of_one_client_keep_every_call_apart(
    several: httpx.AsyncClient, way_out: WayOut, world: World
) -> None:
    async def one(handle: str) -> None:
        with sdk.invocation(handle):
            both = [several.get(world.url(host, "/a")) for host in (API, OTHER)]
            assert [answer.json()["target"] for answer in await asyncio.gather(*both)] == ["/a", "/a"]
            assert (await several.get(f"{way_out.url}/to/x")).json()["headers"]["x-identity-invocation"] == handle
            assert (await several.get(f"{way_out.url}/to/x", params={"to": direct(world)})).is_success

    await asyncio.gather(*map(one, HANDLES))
    assert sorted(filter(None, way_out.tunnels)) == sorted(HANDLES * 2)
    assert leaked(world) == []


async def test_an_asynchronous_clients_unused_tunnels_are_closed(
    several: httpx.AsyncClient, way_out: WayOut, world: World
) -> None:
    world.says[API] = Answer(body=b"x" * 100_000, pieces=40)
    with sdk.invocation(ALICE):
        async with several.stream("GET", world.url(API)) as answer:
            pieces = answer.aiter_bytes()
            taken = len(await anext(pieces))
            for number in range(MOST_LANES + 5):
                with sdk.invocation(f"ih_{number:043}"):
                    assert (await several.get(world.url(OTHER))).is_success
            assert taken + sum([len(piece) async for piece in pieces]) == 4_000_000


def test_another_library_of_the_same_make_will_do(way_out: WayOut, world: World) -> None:
    with httpx2.Client(transport=sdk.httpx_transport(httpx2)) as client, sdk.invocation(ALICE):
        assert client.get(world.url(API)).status_code == 200
    assert (way_out.tunnels, leaked(world)) == ([ALICE], [])


async def test_the_tls_context_can_be_given(way_out: WayOut, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    verify = world.certificates.client()
    async with httpx.AsyncClient(transport=sdk.httpx_async_transport(verify=verify)) as client:
        with sdk.invocation(ALICE):
            assert (await client.get(world.url(API))).is_success
    async with httpx.AsyncClient(transport=sdk.httpx_async_transport()) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(world.url(API))


def test_a_transport_ends_with_its_block(way_out: WayOut) -> None:
    with sdk.httpx_transport() as transport:
        assert transport.handle_request(httpx.Request("GET", f"{way_out.url}/to/x")).status_code == 200


async def test_an_asynchronous_transport_too(way_out: WayOut) -> None:
    async with sdk.httpx_async_transport() as transport:
        answer = await transport.handle_async_request(httpx.Request("GET", f"{way_out.url}/to/x"))
        await answer.aread()
        assert answer.status_code == 200
