"""requests, unmodified: each request is the current invocation's, and only the sidecar sees whose."""

import os
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from sidecar import sdk
from sidecar.sdk.hook import MOST_LANES
from tests.certificates import Certificates
from tests.sdk.conftest import API, OTHER, direct, leaked
from tests.sdk.handles import HANDLES
from tests.sdk.way_out import WayOut
from tests.world import Answer, World

ALICE, BOB = HANDLES[:2]


@pytest.fixture
def session(way_out: WayOut) -> Iterator[requests.Session]:
    with requests.Session() as session:
        adapter = sdk.requests_adapter()
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        yield session


def test_over_tls_the_handle_is_the_proxys_user_and_nowhere_else(
    session: requests.Session, way_out: WayOut, world: World
) -> None:
    for handle in (ALICE, BOB, ALICE, BOB):
        with sdk.invocation(handle):
            assert session.post(world.url(API, "/a"), json={"whose": handle[-1]}).json()["target"] == "/a"
    assert session.get(world.url(API)).ok
    assert way_out.tunnels == [ALICE, BOB, "ag_secret"]
    assert [seen.connection for seen in world.requests][:2] == [seen.connection for seen in world.requests][2:4]
    assert leaked(world) == []


def test_through_a_prefix_and_plain_http_it_is_a_header(session: requests.Session, way_out: WayOut) -> None:
    with sdk.invocation(ALICE):
        answer = session.get(f"{way_out.url}/to/github/user", headers={"Accept": "text/plain"})
        assert answer.json()["headers"]["accept"] == "text/plain"
        assert session.get("http://plain.example.com/").ok
    assert [(came.target, came.header, came.user) for came in way_out.came] == [
        ("/to/github/user", ALICE, None),
        ("http://plain.example.com/", ALICE, None),
    ]
    assert "X-Identity-Invocation" not in answer.request.headers


def test_past_the_sidecar_there_is_none_not_even_the_requests_own(
    session: requests.Session, way_out: WayOut, world: World
) -> None:
    with sdk.invocation(ALICE):
        assert session.get(direct(world), headers={"X-Identity-Invocation": ALICE}).ok
    assert (len(world.requests), way_out.came, leaked(world)) == (1, [], [])


def test_the_requests_own_handle_is_moved_to_where_it_is_safe(
    session: requests.Session, way_out: WayOut, world: World
) -> None:
    with sdk.invocation(ALICE):
        assert session.get(world.url(API), headers={"X-Identity-Invocation": BOB}).ok
    assert (way_out.tunnels, leaked(world)) == ([BOB], [])


def test_a_redirect_takes_no_handle_along(session: requests.Session, way_out: WayOut, world: World) -> None:
    with sdk.invocation(ALICE):
        for to in (direct(world), world.url(API)):
            assert session.get(f"{way_out.url}/to/github/", params={"to": to}).json()["method"] == "GET"
    assert [came.header for came in way_out.came] == [ALICE, ALICE, None]
    assert (len(world.requests), leaked(world)) == (2, [])


def test_a_session_of_many_threads_keeps_every_call_apart(
    session: requests.Session, way_out: WayOut, world: World
) -> None:
    def call(number: int) -> str:
        return str(session.get(world.url(API, f"/{number}")).json()["target"])

    futures: list[Future[str]] = []
    with sdk.Executor(8) as executor:
        for number, handle in enumerate(HANDLES * 3):
            with sdk.invocation(handle):
                futures.append(executor.submit(call, number))
    assert [future.result() for future in futures] == [f"/{number}" for number in range(len(futures))]
    assert set(way_out.tunnels) == set(HANDLES)
    assert leaked(world) == []


def test_a_tunnel_that_is_forgotten_lasts_as_long_as_its_answer(
    session: requests.Session, way_out: WayOut, world: World
) -> None:
    world.says[API] = Answer(body=b"x" * 100_000, pieces=40)
    with sdk.invocation(ALICE):
        answer = session.get(world.url(API), stream=True)
    pieces = answer.iter_content(1000)
    taken = len(next(pieces))
    for number in range(MOST_LANES + 1):
        with sdk.invocation(f"ih_{number:043}"):
            assert session.get(world.url(OTHER)).ok
    assert taken + sum(map(len, pieces)) == 4_000_000
    assert len(pools(session)) == MOST_LANES


def test_what_the_sidecar_denies_is_the_proxys_refusal(session: requests.Session, way_out: WayOut) -> None:
    with sdk.invocation(ALICE), pytest.raises(requests.exceptions.ProxyError, match="destination_denied"):
        session.get("https://nowhere.example.com/")
    assert way_out.tunnels == [ALICE]


def test_a_bundle_is_read_once_and_again_when_it_has_changed(
    session: requests.Session, way_out: WayOut, world: World, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(Certificates().pem)
    url = world.url(API)
    with sdk.invocation(ALICE), pytest.raises(requests.exceptions.SSLError):
        session.get(url, verify=str(bundle))
    bundle.write_bytes(world.certificates.pem)
    os.utime(bundle, ns=(1, 1))
    for handle in (ALICE, BOB):
        with sdk.invocation(handle):
            assert session.get(url, verify=str(bundle)).ok
    assert len({key.key_ssl_context for pool in pools(session) for key in pool.pools.keys()}) == 2  # noqa: SIM118 - no dict
    with sdk.invocation(ALICE), pytest.raises(requests.exceptions.SSLError):
        session.get(url, verify=DEFAULT_CA_BUNDLE_PATH)


def pools(session: requests.Session) -> Any:
    adapter = session.get_adapter("https://")
    assert isinstance(adapter, requests.adapters.HTTPAdapter)
    return adapter.proxy_manager.values()


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_what_else_is_said_of_trust_is_left_to_requests(
    session: requests.Session, way_out: WayOut, world: World, tmp_path: Path
) -> None:
    with sdk.invocation(ALICE):
        assert session.get(world.url(API), verify=False).ok
        with pytest.raises(OSError, match="invalid path"):
            session.get(world.url(API), verify=str(tmp_path / "none.pem"))
        with pytest.raises(OSError, match="certificate file"):
            session.get(world.url(API), cert=str(tmp_path / "none.pem"))
