"""The stage, set once for all tests of this folder that don't bring an agent of their own."""

from collections.abc import Iterator

import pytest

from tests.clients.apis import APIS, says
from tests.clients.stage import OWN, Stage, agent, configured, environment, free_port
from tests.journeys.issuer import issuer
from tests.running import serving
from tests.world import World


@pytest.fixture(scope="package")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("clients")
    with (
        World.standing([api.host for api in APIS.values()]) as world,
        issuer() as serves,
        agent() as called,
    ):
        world.says = says(folder / "repository")
        with serving(configured(called.url, serves, world, free_port()), folder, env=OWN) as running:
            yield Stage(world, running, called, serves, environment(running))
