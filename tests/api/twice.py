"""The same requests, asked of two listeners: one that answers at once what it can, and one whose application answers
all. Real doors, relays and sockets; what is around them is the same."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from sidecar.api import application
from sidecar.api.prompt import Prompt
from sidecar.egress import own
from sidecar.relay import proxied
from sidecar.relay.head import Head
from sidecar.relay.own import Own
from sidecar.relay.passage import Reply
from sidecar.relay.pool import Pool
from sidecar.relay.relay import Limits, Relay, Timeouts
from sidecar.wire.endpoint import Endpoint, Tcp
from tests.api.around import Around
from tests.egress.out import Out
from tests.relay.callers import Answer, Cut, caller

_TRACE = re.compile(rb"[0-9a-f]{32}")
_OWN = ("time_ns", "trace_id", "span_id")


class Counting(Prompt):
    """Counts its answers."""

    answered = 0

    def answer(self, head: Head[Any], body: bytes, trace_id: bytes, span_id: bytes) -> Reply | None:
        reply = super().answer(head, body, trace_id, span_id)
        self.answered += reply is not None
        return reply


class Twice:
    def __init__(self, around: Around, prompt: Counting, quick: Endpoint, slow: Endpoint) -> None:
        self.around, self.prompt, self.quick, self.slow = around, prompt, quick, slow

    async def ask(self, *requests: bytes) -> "Told":
        """*requests* on one connection of each, all at once."""
        before = self.prompt.answered
        quick = await self._one(self.quick, requests)
        answered = self.prompt.answered - before
        slow = await self._one(self.slow, requests)
        assert self.prompt.answered - before == answered, "the other one answers at once, too"
        return Told(quick, slow, answered)

    async def _one(self, endpoint: Endpoint, requests: tuple[bytes, ...]) -> tuple[list[Any], list[Any]]:
        journal = self.around.journal
        events, rejected = len(journal.events), len(journal.rejected)
        answers: list[Any] = []
        async with caller(endpoint) as one:
            one.send(b"".join(requests))
            for request in requests:
                try:
                    answers.append(same(await one.answer(request.partition(b" ")[0])))
                except (Cut, ConnectionResetError) as error:
                    answers.append(type(error).__name__)
        return answers, [*plain(journal.events[events:]), *plain(journal.rejected[rejected:])]


class Told:
    """What both said and recorded."""

    def __init__(self, quick: Any, slow: Any, answered: int) -> None:
        self.quick, self.slow, self.answered = quick, slow, answered

    @property
    def statuses(self) -> list[int]:
        return [answer[0] for answer in self.slow[0]]


def same(answer: Answer) -> Any:
    """*answer* but for its trace and time; in no order, since none of its fields comes twice."""
    fields = sorted((name, b"" if name in (b"date", b"x-trace-id") else value) for name, value in answer.fields)
    assert len({name for name, _ in fields}) == len(fields)
    return answer.status, fields, _TRACE.sub(b"", answer.body), answer.interim, answer.trailers


def plain(events: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    return ({name: value for name, value in event.items() if name not in _OWN} for event in events)


@asynccontextmanager
async def twice(around: Around) -> AsyncIterator[Twice]:
    loop = asyncio.get_running_loop()
    pages = Own(lambda: application(lambda: around.surroundings), loop)
    prompt = Counting(lambda: around.surroundings)
    relays: list[Relay] = []

    async def listening(answering: own.Prompt | None, tasks: asyncio.TaskGroup) -> Endpoint:
        pool = Pool("the identity API", pages.dial, connect_seconds=5.0, clock=loop.time)
        out = Out({}, {}, hosts=lambda: None, prompt=answering, api=pool, journal=around.journal)
        timeouts = Timeouts(first_byte=5.0, drain=0.2)
        relay = Relay(
            out.door,
            limits=Limits(),
            timeouts=timeouts,
            answer_drops=lambda _name: False,
            loop=loop,
            tasks=tasks,
            read=proxied.read,
        )
        relays.append(relay)
        return await relay.listen(Tcp("127.0.0.1", 0))

    async with asyncio.TaskGroup() as tasks:
        try:
            yield Twice(around, prompt, await listening(prompt, tasks), await listening(None, tasks))
        finally:
            for relay in relays:
                relay.stop()
            await pages.close()
