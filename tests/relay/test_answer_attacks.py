"""No answer that can be read in two ways reaches a caller as if it were one, and none reaches another caller."""

import asyncio
from collections import Counter

import pytest

from tests.relay.agents import Link, Request, agent, own, saying
from tests.relay.answer_attacks import ATTACKS, Attack, Fate
from tests.relay.callers import Caller, caller
from tests.relay.relaying import Plain, plain


@pytest.mark.asyncio(loop_factories=["uvloop"])
@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
@pytest.mark.parametrize("attack", ATTACKS, ids=[attack.name for attack in ATTACKS])
async def test_an_answer_reaches_its_caller_alone_and_in_one_reading(attack: Attack, version: bytes) -> None:
    request = attack.method + b" /attack HTTP/" + version + b"\r\nHost: agent\r\n\r\n"
    async with agent(saying(attack.control)) as upstream, plain(upstream.endpoint) as served:
        async with caller(served.endpoint) as one:
            answer = await one.ask(request)
            assert (answer.status, answer.body) == (200, b"" if attack.method == b"HEAD" else b"hello")
        upstream.answer = saying(attack.said, later=attack.later, close=attack.close, pieces=attack.pieces)
        async with caller(served.endpoint) as one:
            one.send(request)
            await _meets(one, attack)
        used = upstream.begun[-1].link

        upstream.answer = own
        await _others_get_their_own(served)
        assert (used in {request.link for request in upstream.begun if request.target != b"/attack"}) is attack.kept
        assert len(served.door.ends) == 5


async def _meets(one: Caller, attack: Attack) -> None:
    if attack.fate is Fate.CUT:
        with pytest.raises(ConnectionResetError):
            await one.answer(attack.method)
        return
    answer = await one.answer(attack.method)
    if attack.fate is Fate.REFUSED:
        assert (answer.status, answer.value(b"sidecar-error")) == (502, b"agent_unreachable")
        assert b"mallory" not in answer.body
    else:
        assert (answer.status, answer.body) == (attack.status, attack.body)


async def _others_get_their_own(served: Plain) -> None:
    for number in range(3):
        async with caller(served.endpoint) as one:
            answer = await one.ask(b"GET /after/%d HTTP/1.1\r\nHost: agent\r\n\r\n" % number)
            assert (answer.status, answer.body) == (200, b"GET /after/%d " % number)


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
async def test_a_body_that_ends_with_its_connection_is_cut_where_the_agent_resets(version: bytes) -> None:
    async def answer(request: Request, link: Link) -> None:
        await link.say(b"HTTP/1.1 200 OK\r\n\r\nhello")
        await asyncio.sleep(0.02)
        link.reset()

    async with agent(answer) as upstream, plain(upstream.endpoint) as served, caller(served.endpoint) as one:
        one.send(b"GET / HTTP/" + version + b"\r\nHost: agent\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            await one.rest()


def test_no_two_attacks_are_the_same() -> None:
    assert max(Counter(attack.name for attack in ATTACKS).values()) == 1
    assert len(ATTACKS) > 80
