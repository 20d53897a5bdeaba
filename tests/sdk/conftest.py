"""A world behind a way out, an identity API, and an environment that says so."""

import threading
from collections.abc import Iterator

import pytest

from tests.sdk.answering import Api
from tests.sdk.way_out import WayOut, standing
from tests.world import World

API, OTHER = "api.example.com", "other.example.com"


@pytest.fixture(scope="module")
def outside() -> Iterator[World]:
    with World.standing([API, OTHER], usual=False) as world:
        yield world


@pytest.fixture
def world(outside: World) -> World:
    outside.requests.clear()
    outside.says.clear()
    return outside


@pytest.fixture
def way_out(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[WayOut]:
    there = (world.address, world.tls_port)
    with standing({f"{host}:{world.tls_port}": there for host in (API, OTHER)}) as way_out:
        for name in ("HTTP_PROXY", "http_proxy", "https_proxy", "no_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("SIDECAR_URL", way_out.url)
        monkeypatch.setenv("HTTPS_PROXY", way_out.url.replace("//", "//ag_secret:@"))
        monkeypatch.setenv("NO_PROXY", "127.0.0.0/8")
        for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
            monkeypatch.setenv(name, str(world.ca_file))
        yield way_out


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    with Api() as served:
        for name in ("HTTPS_PROXY", "https_proxy", "SIDECAR_CONSENT_URL"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("SIDECAR_URL", f"http://127.0.0.1:{served.server_port}")
        thread = threading.Thread(target=served.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield served
        finally:
            served.shutdown()
            thread.join()


def direct(world: World, path: str = "/") -> str:
    """A URL that ``NO_PROXY`` names: the way out never sees it."""
    return f"http://{world.address}:{world.plain_port}{path}"


def leaked(world: World) -> list[str]:
    """Headers of handles that arrived outside."""
    return [
        f"{name}: {value}"
        for seen in world.requests
        for name, value in seen.headers
        if name.lower().startswith(("x-identity", "proxy-")) or "ih_" in value or "ag_" in value
    ]
