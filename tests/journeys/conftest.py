"""Who takes part in every journey: an issuer, agents that run, the sidecar between them, and a client."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.agents.started import AGENTS
from tests.journeys.given import given
from tests.journeys.issuer import Issuer
from tests.journeys.issuer import issuer as serve_issuer
from tests.running import Running, serving


@pytest.fixture(scope="session")
def issuer() -> Iterator[Issuer]:
    with serve_issuer() as served:
        yield served


@pytest.fixture(scope="session", params=sorted(AGENTS))
def agent(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of each sample agent in turn."""
    with AGENTS[request.param](tmp_path_factory.mktemp("agent")) as url:
        yield url


@pytest.fixture(scope="session")
def fastapi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where one agent is enough."""
    with AGENTS["fastapi"](tmp_path_factory.mktemp("agent")) as url:
        yield url


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where it takes one that knows trailers and 103."""
    with AGENTS["node"](tmp_path_factory.mktemp("agent")) as url:
        yield url


@pytest.fixture(scope="module")
def served(issuer: Issuer, agent: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A sidecar before each sample agent, set as it is when nothing is said."""
    with serving(given(issuer, agent), tmp_path_factory.mktemp("served")) as running:
        yield running


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    """Follows nothing, unpacks nothing, reuses connections."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
        yield session


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose path leaves room for a unix socket's name."""
    with tempfile.TemporaryDirectory(prefix="journey-") as folder:
        yield Path(folder)
