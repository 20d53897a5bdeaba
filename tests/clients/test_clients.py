"""Clients that nobody changed get the right credential, each in a process with nothing but the agent's variables."""

from pathlib import Path

import pytest

from tests.clients.apis import NAME, PLACEHOLDER
from tests.clients.cases import CLIENTS, Client, said
from tests.clients.stage import Stage, run

OBEYING = [client for client in CLIENTS if client.obeys]
OTHERS = [client for client in CLIENTS if not client.obeys]


def results(output: str) -> list[str]:
    return [said(line) for line in output.splitlines()]


@pytest.mark.parametrize("client", OBEYING, ids=lambda client: client.id)
def test_it_asks_as_the_agent_and_with_a_handle_as_its_credential_for_a_user(
    stage: Stage, client: Client, tmp_path: Path
) -> None:
    watch, handle = stage.watch(client), stage.handle()
    told, complaints = run(client.starts(client.https, [client.bare, handle], tmp_path), stage.variables)
    assert results(told) == [NAME, NAME], complaints
    watch.credentials_are_real(handle, stage.token)
    assert watch.callers() == {"agent", NAME}


@pytest.mark.parametrize("client", OBEYING, ids=lambda client: client.id)
def test_it_asks_for_a_user_with_the_handle_in_the_proxys_url(stage: Stage, client: Client, tmp_path: Path) -> None:
    watch, handle = stage.watch(client), stage.handle()
    told, complaints = run(client.starts(client.https, [client.bare], tmp_path), stage.as_user(handle))
    assert results(told) == [NAME], complaints
    watch.credentials_are_real(handle, stage.token)
    assert watch.callers() == {NAME}


@pytest.mark.parametrize("client", OTHERS, ids=lambda client: client.id)
def test_what_ignores_the_variables_comes_to_nothing(stage: Stage, client: Client, tmp_path: Path) -> None:
    """Which is why the table says what to do instead: it should be noticed when that is no longer needed."""
    watch = stage.watch(client)
    told, complaints = run(client.starts(client.https, [client.bare or PLACEHOLDER], tmp_path), stage.variables)
    assert told == ""
    assert complaints
    assert watch.callers() == set()


@pytest.mark.parametrize("client", OTHERS, ids=lambda client: client.id)
def test_what_ignores_the_variables_asks_through_a_base_url(stage: Stage, client: Client, tmp_path: Path) -> None:
    watch, handle = stage.watch(client), stage.handle()
    base = f"{stage.egress}/to/{client.api}"
    told, complaints = run(client.starts(base, [stage.token, handle], tmp_path), stage.variables)
    assert results(told) == [NAME, NAME], complaints
    watch.credentials_are_real(handle, stage.token)
    assert watch.callers() == {"agent", NAME}
