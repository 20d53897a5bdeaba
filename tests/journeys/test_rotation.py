"""An issuer changes its keys while callers call."""

import asyncio
from pathlib import Path

import aiohttp

from tests.journeys.given import bearer, configured, plain_entry
from tests.oidc_provider import ALGORITHMS, OidcProvider, oidc_provider, plain
from tests.running import Running, sidecar


async def test_keys_rotate_under_load_without_one_wrong_answer(
    fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Callers with tokens of every key go on while the issuer changes its keys, and in the end withdraws the old ones.

    An answer is wrong when a token signed by a published key gets no 200, when a forged one gets a 200, and when
    a token of a withdrawn key gets a 200 in a call that began after a token of the keys that came instead was let in.
    """
    with oidc_provider(tmp_path / "provider") as provider:
        async with sidecar(configured(fastapi, {"shop": plain_entry(provider)}), tmp_path) as running:
            load = Load(client, running)
            async with asyncio.TaskGroup() as group:
                await load.join(group, provider, "first")
                for generation in ("second", "third"):
                    await asyncio.sleep(0.4)
                    await provider.rotate()
                    await load.join(group, provider, generation)
                await asyncio.sleep(0.4)
                load.withdrawing()
                await provider.rotate(drop=True)
                await load.join(group, provider, "last")
                await asyncio.sleep(0.8)
                load.stopped.set()
    assert not load.wrong
    assert load.answers > 200
    assert load.last_let_in, "the last keys were found"
    assert load.refused_as_withdrawn > 20


class Load:
    """Callers that call until they are stopped, and what was wrong with any answer."""

    def __init__(self, client: aiohttp.ClientSession, running: Running) -> None:
        self.stopped = asyncio.Event()
        self.wrong: list[tuple[str, int]] = []
        self.answers = 0
        self.refused_as_withdrawn = 0
        self.last_let_in = False
        self._client, self._url = client, running.url + "/echo"
        self._withdrawing = False

    def withdrawing(self) -> None:
        """From now on the keys of every generation but the last may be gone."""
        self._withdrawing = True

    async def join(self, group: asyncio.TaskGroup, provider: OidcProvider, generation: str) -> None:
        """Add callers with tokens of the newest keys, for each algorithm a good one and a forged one."""
        for algorithm in ALGORITHMS:
            token = (await provider.service(plain(provider.plain, algorithm))).access
            signed, signature = token.rsplit(".", 1)
            group.create_task(self._call(token, generation, 200))
            group.create_task(self._call(f"{signed}.{signature[:-8]}AAAAAAAA", generation, 401))

    async def _call(self, token: str, generation: str, right: int) -> None:
        while not self.stopped.is_set():
            began_withdrawn, began_withdrawing = self.last_let_in, self._withdrawing
            async with self._client.get(self._url, headers=bearer(token)) as response:
                status = response.status
                await response.read()
            self.answers += 1
            if generation == "last" or right == 401:
                self._judge(status == right, generation, status)
                self.last_let_in |= generation == "last" and status == 200
            elif began_withdrawn:
                self._judge(status == 401, generation, status)
                self.refused_as_withdrawn += 1
            else:
                self._judge(status == 200 or (status == 401 and self._withdrawing), generation, status)
            assert began_withdrawing or not began_withdrawn
            await asyncio.sleep(0.005)

    def _judge(self, right: bool, generation: str, status: int) -> None:
        if not right:
            self.wrong.append((generation, status))
