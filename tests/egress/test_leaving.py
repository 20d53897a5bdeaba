import asyncio
from typing import Any

import pytest

from sidecar.egress.exit import Exit
from sidecar.egress.leaving import ask, awaited, context
from sidecar.egress.record import Call
from sidecar.errors import DestinationDenied, InvocationInvalid, NotPermitted
from sidecar.invocation.caller import AGENT
from sidecar.invocation.carrier import Carried
from sidecar.policy.decision import Decision
from tests.egress.out import Out, anyone, get

ROUTES = {"cal": {"url": "https://api.example.com", "provider": "google"}}
TRACE, SPAN = b"a" * 32, b"b" * 16


def out(**given: Any) -> Out:
    return Out(ROUTES, {"c": anyone(routes=["cal"])}, **given)


def call(caller: Any = AGENT, scopes: frozenset[str] = frozenset()) -> Call:
    return Call(TRACE, SPAN, caller=caller, decision=Decision("c", scopes))


def test_the_invocations_principal_is_asked_for() -> None:
    world = out()
    invocation, _ = world.open()
    asked = ask(call(invocation, frozenset({"calendar"})), world.exits["cal"])
    assert asked.principal is invocation.principal
    assert (asked.invocation, asked.scopes) == (invocation.id, frozenset({"calendar"}))


def test_the_agents_own_is_asked_for_nobody() -> None:
    asked = ask(call(), out().exits["cal"])
    assert (asked.principal, asked.trace_id, asked.span_id) == (None, TRACE, SPAN)


def test_what_acts_for_principals_does_nothing_for_nobody() -> None:
    with pytest.raises(NotPermitted, match="this call is nobody's"):
        ask(call(), out(acts_as={"google": "principal"}).exits["cal"])


def test_nothing_goes_over_the_wire_in_clear() -> None:
    found = out().exits["cal"]
    with pytest.raises(DestinationDenied, match="plain http"):
        ask(call(), Exit(found.leg, found.pool, found.provider, found.source, clear=True))


async def test_who_waits_is_stopped_with_its_invocation() -> None:
    world = out()
    invocation, _ = world.open()
    gate = asyncio.Event()

    async def coming() -> str:
        await gate.wait()
        return "it"

    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(awaited(coming(), call(invocation), world.peer(), world.invocations))
        await asyncio.sleep(0)
        assert invocation.streams == {world.connection: 1}
        gate.set()
        assert await waiting == "it"
    assert not invocation.streams


async def test_what_comes_too_late_is_not_used() -> None:
    world = out()
    invocation, _ = world.open()

    async def coming() -> str:
        world.now += 3600
        return "it"

    with pytest.raises(InvocationInvalid, match="while its credential was being got"):
        await awaited(coming(), call(invocation), world.peer(), world.invocations)


async def test_the_agents_own_call_waits_for_itself() -> None:
    async def coming() -> str:
        return "it"

    world = out()
    assert await awaited(coming(), call(), world.peer(), world.invocations) == "it"


def test_the_trace_is_the_invocations() -> None:
    world = out()
    invocation, _ = world.open()
    found = Carried((), (), frozenset(), b"tenant=a", frozenset(), ())
    own = call(invocation)
    own.joins(invocation)
    head = world.head(get(b"/to/cal/", b"traceparent: 00-%b-%b-01\r\n" % (b"c" * 32, b"d" * 16)))
    said = b"traceparent: 00-%b-%b-01\r\nbaggage: tenant=a\r\n" % (invocation.trace_id, SPAN)
    assert context(head, own, found) == said
    within = b"traceparent: 00-%b-%b-01\r\n" % (invocation.trace_id, b"d" * 16)
    assert context(world.head(get(b"/to/cal/", within)), own, found) == within + b"baggage: tenant=a\r\n"
    assert context(head, call(), found) == b"traceparent: 00-%b-%b-01\r\nbaggage: tenant=a\r\n" % (b"c" * 32, b"d" * 16)
    assert context(world.head(get(b"/to/cal/")), call(), Carried((), (), frozenset(), None, frozenset(), ())) == b""
