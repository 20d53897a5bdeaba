"""A handle for work that goes on after the answer."""

import pytest

from sidecar.invocation.invocation import Lifetimes
from tests.api.around import AGENT, NOW, Around

DETACH = ("POST", "/v1/invocation/detach")
READ = ("GET", "/v1/principal")


async def test_the_handle_outlives_the_answer_by_what_was_asked_for(around: Around) -> None:
    invocation, handle = around.open()
    said = (await around.ask(*DETACH, handle, {"seconds": 300})).json()
    assert said.keys() == {"handle", "expires_at"}
    assert said["expires_at"] == int(NOW + 300)
    around.invocations.end(invocation)
    around.clock.now += 299
    around.invocations.sweep()
    assert (await around.ask(*READ, handle)).refused() == (401, "invocation_invalid")
    assert (await around.ask(*READ, said["handle"])).json()["subject"] == "alice"
    around.clock.now += 1.1
    assert (await around.ask(*READ, said["handle"])).refused() == (401, "invocation_invalid")


async def test_it_lives_no_longer_than_the_token_where_that_is_asked_for(around: Around) -> None:
    around.invocations.lifetimes = Lifetimes(detach=600.0, end_with_token=True)
    _, handle = around.open()
    assert (await around.ask(*DETACH, handle, {"seconds": 600})).json()["expires_at"] == int(NOW + 300)


@pytest.mark.parametrize("detach", [None, 299.9])
async def test_more_than_is_allowed_is_refused_and_not_cut(around: Around, detach: float | None) -> None:
    around.invocations.lifetimes = Lifetimes(detach=detach)
    _, handle = around.open()
    said = await around.ask(*DETACH, handle, {"seconds": 300})
    assert said.refused() == (403, "not_permitted")
    assert ("299.9 seconds" if detach else "invocation.detach") in said.problem()["detail"]


async def test_the_agents_own_handle_is_not_detached(around: Around) -> None:
    assert (await around.ask(*DETACH, AGENT.decode(), {"seconds": 1})).refused() == (403, "not_permitted")


@pytest.mark.parametrize("seconds", [0, -1, True, "60", None, [], 1e999])
async def test_seconds_are_a_number_above_zero(around: Around, seconds: object) -> None:
    _, handle = around.open()
    assert (await around.ask(*DETACH, handle, {"seconds": seconds})).refused() == (400, "bad_request")


async def test_a_handle_does_not_beget_the_next_for_ever(around: Around) -> None:
    invocation, handle = around.open()
    first = (await around.ask(*DETACH, handle, {"seconds": 600})).json()["handle"]
    around.invocations.end(invocation)
    around.clock.now += 31
    assert (await around.ask(*DETACH, first, {"seconds": 600})).refused() == (401, "invocation_invalid")


async def test_there_is_an_end_to_how_many(around: Around) -> None:
    _, handle = around.open()
    for _ in range(around.invocations.MOST_DETACHED):
        assert (await around.ask(*DETACH, handle, {"seconds": 600})).status == 200
    assert (await around.ask(*DETACH, handle, {"seconds": 600})).refused() == (429, "rate_limited")
