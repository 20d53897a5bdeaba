"""Many invocations at once, which call out in every way that there is until there were enough calls."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import TypeVar

from tests.journeys.calling import ABSOLUTE, AGENTS, BOUND, LINGER, PREFIX, UNBOUND, Call
from tests.journeys.crowd import Invocation
from tests.journeys.isolation import PRINCIPALS, Stage
from tests.journeys.judge import CLOUD, KEYS, MACHINE, NEXT, PLAIN, QUERY
from tests.journeys.misuse import misuse
from tests.journeys.pools import BROKEN, Send, pools

AT_ONCE = 200
PLANTED = "ih_" + "B" * 43
_MANNERS = {
    "say": 600,
    "chunks": 150,
    "late": 50,
    "drip": 40,
    "close": 20,
    "early": 40,
    "much": 40,
    "die": 20,
    "hang-up": 10,
}
_ROUTES = {NEXT: 40, PLAIN: 25, KEYS: 12, QUERY: 8, MACHINE: 10, CLOUD: 5}
T = TypeVar("T")
_WAYS = {PREFIX: 30, ABSOLUTE: 20, UNBOUND: 20, AGENTS: 10, BOUND: 20}


class Load:
    """So many invocations at once, which make calls until there are enough."""

    def __init__(self, at: Stage, calls: int) -> None:
        self.at, self.calling, self.dice = at, at.calling, at.calling.dice
        self._serials = iter(range(1, calls + 1))
        self._pools: dict[str, Send] = {}
        self._doings = {
            self._misused: 12,
            self._broken_off: 8,
            self._several: 10,
            self._pooled: 4,
            self._made: 66,
        }

    async def run(self) -> None:
        async with pools(self.calling, self.at.egress, self.at.bundle) as self._pools, asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._invocations())

    def _next(self, most: int) -> Iterator[int]:
        """Serials, *most* of them."""
        for _ in range(most):
            serial = next(self._serials, None)
            if serial is None:
                return
            yield serial

    async def _invocations(self) -> None:
        """One after the other, each with calls while it is open and calls that come too late."""
        more = True
        while more:
            subject = f"user{self.dice.randrange(PRINCIPALS)}"
            planted = f"a=1,identity.invocation={PLANTED}" if self.dice.random() < 0.2 else ""
            more = False
            async with self.at.crowd.call(subject, planted) as invocation:
                for serial in self._next(self.dice.randrange(2, 20)):
                    more = True
                    await self._call(serial, invocation)
            for serial in self._next(self.dice.randrange(3)):
                await asyncio.sleep(self.dice.random() * 1.5 * LINGER)
                await self._call(serial, invocation)
            self.calling.drop_all(invocation)

    async def _call(self, serial: int, invocation: Invocation) -> None:
        way, route, manner = (self._one(weights) for weights in (_WAYS, _ROUTES, _MANNERS))
        body = manner == "early" or self.dice.random() < 0.2
        call = Call(serial, PLAIN if way == ABSOLUTE else route, manner, invocation, body=body)
        await self._one(self._doings)(call, way)

    def _one(self, weights: Mapping[T, int]) -> T:
        (chosen,) = self.dice.choices([*weights], [*weights.values()])
        return chosen

    # what is done with a call

    async def _made(self, call: Call, way: str) -> None:
        owner = call.caller
        if way != BOUND:
            await self.calling.make(self.calling.carrying(call), way)
            return
        others = [each for each in self.at.crowd.open if each is not owner]
        if self.dice.random() < 0.1 and others:  # in another one's tunnel
            call.caller = self.dice.choice(others)
            call.refused = frozenset({"invocation_mismatch", "invocation_invalid"})
            self.calling.carrying(call)
        await self.calling.make(call, BOUND, owner)

    async def _misused(self, call: Call, way: str) -> None:
        way = UNBOUND if way == BOUND else way
        misuse(self.calling, call, agents=way == AGENTS)
        await self.calling.make(call, way)

    async def _broken_off(self, call: Call, way: str) -> None:
        await self.calling.abort(self.calling.carrying(call), PREFIX if way == BOUND else way)

    async def _pooled(self, call: Call, way: str) -> None:
        """By a client's pool, that all invocations share."""
        call.manner = self.dice.choice(("say", "chunks", "late", "drip"))
        name = self.dice.choice([*self._pools])
        self.calling.outcomes[name] += 1
        try:
            reply = await self._pools[name](self.calling.carrying(call), way)
        except BROKEN as error:
            self.calling.judge_broken(call, error)
            return
        self.calling.judge_reply(call, reply)

    async def _several(self, call: Call, way: str) -> None:
        """Several calls of several invocations, one behind the other on one connection."""
        calls = [self.calling.carrying(call)]
        for serial in self._next(self.dice.randrange(1, 4)):
            caller = self.dice.choice(self.at.crowd.open or [call.caller])
            manner = self.dice.choice(("say", "chunks", "drip"))
            one = Call(serial, call.route, manner, caller, body=self.dice.random() < 0.3)
            calls.append(self.calling.carrying(one))
        await self.calling.pipeline(calls, UNBOUND if way == BOUND else way)
