"""Whose a request to the identity API is."""

import pytest

from sidecar.invocation.caller import Callers
from tests.api.around import AGENT, BOB, Around

READ = ("GET", "/v1/principal")


def header(handle: str) -> tuple[str, str]:
    return "X-Identity-Invocation", handle


def bearer(handle: str, scheme: str = "Bearer") -> tuple[str, str]:
    return "Authorization", f"{scheme} {handle}"


async def test_either_header_carries_the_handle(around: Around) -> None:
    _, handle = around.open()
    for headers in (
        [header(handle)],
        [bearer(handle)],
        [bearer(handle, "bEARER")],
        [bearer(handle, "Bearer ")],
        [header(handle), bearer(handle)],
        [header(handle), header(handle)],
        [header(handle), bearer("dXNlcjpwYXNzd29yZA==", "Basic")],
    ):
        assert (await around.ask(*READ, headers=headers)).json()["subject"] == "alice"


async def test_a_detached_handle_and_the_invocations_own_agree(around: Around) -> None:
    invocation, handle = around.open()
    longer = around.invocations.detach(invocation, 60)
    assert longer is not None
    assert (await around.ask(*READ, headers=[header(longer.decode()), bearer(handle)])).status == 200


async def test_two_invocations_handles_are_never_chosen_between(around: Around) -> None:
    handles = [around.open()[1], around.open(BOB)[1]]
    for headers in ([header(handles[0]), bearer(handles[1])], [header(handles[0]), header(handles[1])]):
        assert (await around.ask(*READ, headers=headers)).refused() == (409, "invocation_ambiguous")


async def test_beside_an_invocations_handle_the_agents_own_is_a_default(around: Around) -> None:
    _, handle = around.open()
    assert (await around.ask(*READ, headers=[header(handle), bearer(AGENT.decode())])).json()["subject"] == "alice"


@pytest.mark.parametrize("handle", ["ih_" + "A" * 43, "ag_" + "A" * 43, "", "eyJhbGciOiJub25lIn0.e30.", "ih_", "a b"])
async def test_what_names_no_open_invocation_is_refused(around: Around, handle: str) -> None:
    _, good = around.open()
    for headers in ([header(handle)], [header(good), header(handle)], [header(good), bearer(handle)]):
        said = await around.ask(*READ, headers=headers)
        assert said.refused() == (401, "invocation_invalid")
        assert 'error="invalid_token"' in said.headers["www-authenticate"]
    assert around.journal.events == []
    assert {event["attributes"]["error.type"] for event in around.journal.rejected} == {"invocation_invalid"}


@pytest.mark.parametrize("scheme", ["", "Basic ", "Token ", "Bearer"])
async def test_without_a_handle_where_one_belongs_there_is_none(around: Around, scheme: str) -> None:
    _, handle = around.open()
    said = await around.ask(*READ, headers=[("Authorization", scheme + handle)])
    assert said.refused() == (401, "invocation_missing")
    assert said.headers["www-authenticate"] == "Bearer"
    assert (await around.ask(*READ)).refused() == (401, "invocation_missing")


async def test_a_handle_that_is_good_for_attaching_alone_names_no_one(around: Around) -> None:
    invocation, handle = around.open()
    attaching = around.invocations.attach(invocation).decode()
    assert (await around.ask(*READ, attaching)).refused() == (401, "invocation_invalid")
    baggage = ("baggage", f"identity.invocation={attaching}")
    assert (await around.ask(*READ, headers=[baggage])).refused() == (401, "invocation_missing")
    assert (await around.ask(*READ, headers=[baggage, bearer(handle)])).status == 200


async def test_a_dead_invocations_handle_is_refused_the_moment_it_dies(around: Around) -> None:
    invocation, handle = around.open()
    around.invocations.end(invocation)
    around.clock.now += 29.9
    assert (await around.ask(*READ, handle)).status == 200
    around.clock.now += 0.2
    assert (await around.ask(*READ, handle)).refused() == (401, "invocation_invalid")


async def test_with_one_call_at_a_time_it_is_the_only_open_ones(around: Around) -> None:
    around.change(callers=Callers(around.invocations, AGENT, concurrency_one=True))
    assert (await around.ask(*READ)).refused() == (401, "invocation_missing")
    around.open()
    assert (await around.ask(*READ)).json()["subject"] == "alice"
    around.open(BOB)
    assert (await around.ask(*READ)).refused() == (409, "invocation_ambiguous")
