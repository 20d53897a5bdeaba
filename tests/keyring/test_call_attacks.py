"""Assertions between agents that are refused, and their siblings that are let in (``call_attacks``)."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from sidecar.errors import Refusal
from sidecar.keyring import Keyring, Verifier
from tests.keyring.agents import NOW, Agents
from tests.keyring.call_attacks import ROWS, Row


@asynccontextmanager
async def front(agents: Agents, planner: Mapping[str, Any]) -> AsyncIterator[Verifier[str]]:
    said = {name: timedelta(seconds=value) if name == "leeway" else value for name, value in planner.items()}
    issuers = agents.issuers(**said).values()
    keyring = Keyring(
        issuers, agents.fetch, clock=lambda: NOW, refresh=600.0, max_stale=86400.0, changed=lambda _: None
    )
    task = asyncio.ensure_future(keyring.run())
    try:
        yield Verifier(issuers, keyring, clock=lambda: NOW, prepare=lambda one: one.id, most_token=16384)
    finally:
        task.cancel()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.family}: {row.name}".encode("ascii", "replace").decode())
async def test_an_assertion_is_let_in_or_refused_for_its_reason(row: Row) -> None:
    agents = Agents()
    made = row.make(agents)
    tokens = (made,) if isinstance(made, bytes) else made
    async with front(agents, row.planner) as verifier:
        for token in tokens[:-1]:
            await verifier.verify(token)
        if row.code:
            with pytest.raises(Refusal) as refused:
                await verifier.verify(tokens[-1])
            assert refused.value.code == row.code
        else:
            assert (await verifier.verify(tokens[-1])).prepared.startswith("p_")


def test_the_table_is_as_large_as_it_should_be_and_every_family_has_its_siblings() -> None:
    attacks = Counter(row.family for row in ROWS if row.code)
    assert attacks.total() >= 60
    assert attacks.keys() == {row.family for row in ROWS if not row.code}
    assert len({(row.family, row.name, tuple(row.planner)) for row in ROWS}) == len(ROWS)
