"""What a passage does where its door says nothing else."""

import pytest

from sidecar.relay.answer import Answers
from sidecar.relay.passage import Gathered, Passage, Way
from sidecar.relay.pool import Pool


class Plain(Gathered):
    __slots__ = ()

    def gathered(self, body: bytes) -> bytes:
        return self.head + body


@pytest.fixture
def pool() -> Pool:
    async def dial() -> None:
        raise AssertionError("nobody is asked for")

    return Pool("the agent", dial, connect_seconds=1, clock=lambda: 0.0)  # type: ignore[arg-type]  # it is never dialled


def test_a_passage_is_streamed_and_its_connection_is_anybody_s(pool: Pool) -> None:
    passage = Passage(pool, b"", b"")
    assert (passage.way, passage.owner, passage.timeouts, passage.answers) == (Way.STREAMED, None, None, None)


def test_a_gathered_passage_sends_the_body_that_came_and_rewrites_no_answer(pool: Pool) -> None:
    passage = Plain(pool, b"head ", b"")
    assert (passage.way, passage.body, passage.most) == (Way.GATHERED, None, 0)
    assert passage.sieve(Answers(lambda _name: False).parse(b"HTTP/1.1 200 OK\r\n\r\n")) is None
