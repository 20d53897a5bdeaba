"""No call is ever another's: many principals at once, all ways out, all that can happen to a call and its answer."""

import asyncio
import ssl
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uvloop

from tests.fuzzing import LONG
from tests.journeys.agreement import attached, disagreements
from tests.journeys.calling import ABSOLUTE, AGENTS, BOUND, PREFIX, UNBOUND, Call, Line
from tests.journeys.crowd import Invocation
from tests.journeys.isolation import Stage, stage
from tests.journeys.judge import NEXT, PLAIN
from tests.journeys.load import Load
from tests.journeys.patience import SLACK
from tests.relay.waiting import until

CALLS = 100_000 if LONG else 5_000
PROMISED = 1.0
"""Seconds, in which what a dead handle has opened must be over."""


async def recorded_all(at: Stage) -> list[dict[str, Any]]:
    """The audit log, once nothing is added to it any more."""
    events: list[dict[str, Any]] = []
    while True:
        await asyncio.sleep(1.0)
        before, events = len(events), await asyncio.to_thread(at.running.events)
        if len(events) == before:
            return events


@pytest.mark.slow
@pytest.mark.timeout(3000 if LONG else 60)
def test_no_call_is_ever_anothers(tmp_path: Path) -> None:
    async def go() -> None:
        async with stage(tmp_path) as at:
            await Load(at, CALLS).run()
            recorded = attached(await recorded_all(at))
            assert not at.judge.wrong
            assert not at.calling.wrong
            assert not disagreements(at.calling, at.judge, recorded)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(go())


@dataclass(slots=True)
class Opened:
    """What an invocation has opened on egress."""

    serial: int
    kind: str
    line: Line
    owner: Invocation
    ended: float = 0.0
    """When its own end was told, in the loop's time."""

    async def end(self) -> None:
        with suppress(ConnectionError, ssl.SSLError):
            while await self.line.reader.read(65536):
                pass
        self.ended = asyncio.get_running_loop().time()
        self.line.writer.transport.abort()


STREAMS = {
    "events": (PREFIX, "forever"),
    "events in a tunnel": (UNBOUND, "forever"),
    "events in its own tunnel": (BOUND, "forever"),
    "websocket": (PREFIX, "ws"),
    "websocket in the agent's tunnel": (AGENTS, "ws"),
    "an answer that never comes": (ABSOLUTE, "never"),
    "its own tunnel, idle": (BOUND, ""),
}


async def opened(at: Stage, kind: str, serial: int, owner: Invocation) -> Opened:
    calling = at.calling
    way, manner = STREAMS[kind]
    route = PLAIN if way == ABSOLUTE else NEXT
    line = await calling.line(way, route, owner if way == BOUND else None)
    if manner:
        call = Call(serial, route, manner, owner)
        line.writer.write(calling.sent(call if way == BOUND else calling.carrying(call, many=False), way))
        await until(lambda: serial in at.judge.streams)
    return Opened(serial, kind, line, owner)


async def lasted(at: Stage, given: list[Opened], died: dict[Invocation, float]) -> dict[str, float]:
    """For how many seconds what was opened has lived on, at most, by its kind; seen from both of its ends."""
    longest: dict[str, float] = {}
    await until(lambda: not at.judge.streams, within=10 * PROMISED)
    for one in given:
        ends = max(one.ended, at.judge.ended.get(one.serial, 0.0))
        longest[one.kind] = max(longest.get(one.kind, 0.0), ends - died[one.owner])
    return longest


@pytest.mark.parametrize("kind", ["it lingers", "it has its time"])
def test_what_a_handle_has_opened_ends_within_a_second_of_its_death(tmp_path: Path, kind: str) -> None:
    most = 3.0

    async def go() -> None:
        loop = asyncio.get_running_loop()
        lifetimes = {"baggage": True, "linger": "200ms", "max": f"{most:.0f}s" if kind == "it has its time" else "1h"}
        async with stage(tmp_path, invocation=lifetimes) as at, AsyncExitStack() as stack:
            owners = {}
            for number in range(4):
                began = loop.time()
                owner = await stack.enter_async_context(at.crowd.call(f"user{number}"))
                owners[owner] = began + most
            serials = count(1)
            given = [await opened(at, each, next(serials), owner) for owner in owners for each in STREAMS]
            tasks = [asyncio.ensure_future(one.end()) for one in given]
            if kind == "it lingers":
                await stack.aclose()
                owners = {owner: owner.left + 0.2 for owner in owners}
            async with asyncio.timeout(10 * PROMISED):
                await asyncio.gather(*tasks)
            longest = await lasted(at, given, owners)
            assert max(longest.values()) < SLACK * PROMISED, longest
            for owner in owners:
                for name in ("handle", "attach"):
                    call = Call(next(serials), NEXT, "say", owner, refused=frozenset({"invocation_invalid"}))
                    carrier = "X-Identity-Invocation: " if name == "handle" else "baggage: identity.invocation="
                    call.fields = [carrier + getattr(owner, name)]
                    await at.calling.make(call, PREFIX)
            assert not at.judge.wrong
            assert not at.calling.wrong

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(go())


def test_nothing_is_kept_for_an_upstream_that_does_not_take_it(tmp_path: Path) -> None:
    """A tunnel's last bytes would go on to it for as long as it likes, after the handle's time."""

    async def go() -> None:
        async with stage(tmp_path, invocation={"baggage": True, "linger": "200ms"}) as at:
            descriptors = Path(f"/proc/{at.running.pid}/fd")

            def sockets() -> int:
                return sum(1 for _ in descriptors.iterdir())

            async with at.crowd.call("user1") as owner:
                lines, before = list[Line](), sockets()
                for serial in range(1, 6):
                    deaf = await opened(at, "websocket", serial, owner)
                    at.judge.streams[serial].pause_reading()
                    deaf.line.writer.write(b"x" * 4_000_000)
                    await asyncio.sleep(0.05)
                    lines.append(deaf.line)
                assert sockets() >= before + 5
            await until(lambda: sockets() <= before, within=SLACK * PROMISED)
            for line in lines:
                at.calling.drop(line)
            assert not at.judge.wrong

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(go())


def test_with_one_call_at_a_time_two_that_are_open_are_refused_and_never_guessed(tmp_path: Path) -> None:
    """The second one is let in while a detached handle of the first is alive."""

    async def go() -> None:
        lifetimes = {"baggage": True, "detach": "1m"}
        async with stage(tmp_path, agent={"concurrency": "one"}, invocation=lifetimes) as at:
            calling, serials = at.calling, count(1)
            async with at.crowd.call("user1") as first:
                await calling.make(Call(next(serials), NEXT, "say", first), PREFIX)
                async with aiohttp.ClientSession() as client:
                    url, headers = f"{at.egress}/v1/invocation/detach", {"Authorization": f"Bearer {first.handle}"}
                    async with client.post(url, headers=headers, json={"seconds": 30}) as answer:
                        assert answer.status == 200
                        detached = (await answer.json())["handle"]
                calling.close()
                calling.free.clear()
            async with at.crowd.call("user2") as second:
                for way in (PREFIX, ABSOLUTE, UNBOUND):
                    route = PLAIN if way == ABSOLUTE else NEXT
                    nobodys = Call(next(serials), route, "say", second, refused=frozenset({"invocation_ambiguous"}))
                    await calling.make(nobodys, way)
                    await calling.make(calling.carrying(Call(next(serials), route, "say", second)), way)
                    late = Call(next(serials), route, "say", replace(first, leaves=float("inf")))
                    late.fields = [f"X-Identity-Invocation: {detached}"]
                    await calling.make(late, way)
            assert not at.judge.wrong
            assert not calling.wrong
            assert sorted(at.judge.came) == [1, 3, 4, 6, 7, 9, 10]

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(go())
