"""No request that can be read in two ways reaches the agent, and none of them harms what comes after it."""

from collections import Counter

import pytest

from tests.inbound.front import Front, front
from tests.relay.callers import caller
from tests.relay.framing_attacks import ATTACKS, HARMLESS, Attack, Harmless
from tests.relay.waiting import until


@pytest.mark.asyncio(loop_factories=["uvloop"])
@pytest.mark.parametrize("attack", ATTACKS, ids=[attack.name for attack in ATTACKS])
async def test_a_request_of_two_readings_is_refused_and_its_connection_closed(attack: Attack) -> None:
    async with front() as served:
        await _the_control_passes(served, attack)
        seen, begun = len(served.agent.seen), len(served.agent.begun)

        async with caller(served.endpoint) as attacker:
            head, end, body = served.filled(attack.sent).partition(b"\r\n\r\n")
            attacker.send(head + end)
            if attack.head_passes:
                await until(lambda: len(served.agent.begun) > begun)
            attacker.send(body)
            answer = await attacker.answer()
            assert (answer.status, answer.value(b"sidecar-error")) == (attack.status, attack.code.encode())
            assert answer.value(b"connection") == b"close"
            assert await attacker.ended()

        assert len(served.agent.seen) == seen
        assert len(served.agent.begun) - begun == (1 if attack.head_passes else 0)
        assert b"/smuggled" not in served.agent.raw
        assert served.journal.rejections == [attack.code]
        await _others_get_their_own(served)


@pytest.mark.asyncio(loop_factories=["uvloop"])
@pytest.mark.parametrize("attack", HARMLESS, ids=[attack.name for attack in HARMLESS])
async def test_what_has_one_reading_reaches_the_agent_in_that_reading(attack: Harmless) -> None:
    async with front() as served:
        async with caller(served.endpoint) as attacker:
            answer = await attacker.ask(served.filled(attack.sent))
            assert answer.status == 200
            attacker.send(served.filled(b"GET /next HTTP/1.1\r\nHost: agent\r\nAuthorization: Bearer @TOKEN@\r\n\r\n"))
            assert (await attacker.answer()).body == b"GET /next "
        request = served.agent.seen[0]
        assert request.body == served.filled(attack.body)
        assert not (request.names | {name for name, _ in request.trailers}) & attack.absent
        assert not request.trailers
        assert served.agent.targets == [b"/attack", b"/next"]
        await _others_get_their_own(served)


def test_there_are_eighty_attacks_and_more_and_no_two_are_the_same() -> None:
    assert len(ATTACKS) >= 80
    assert max(Counter(attack.name for attack in ATTACKS).values()) == 1
    assert max(Counter(attack.sent for attack in ATTACKS).values()) == 1


async def _the_control_passes(served: Front, attack: Attack) -> None:
    async with caller(served.endpoint) as honest:
        answer = await honest.ask(served.filled(attack.control))
        assert answer.status == 200, answer
        request = served.agent.seen[-1]
        assert answer.body == b"%b %b %b" % (request.method, request.target, request.body)


async def _others_get_their_own(served: Front) -> None:
    """Nothing is left in the pool that the next ones could stumble on."""
    for number in range(3):
        async with caller(served.endpoint) as honest:
            request = b"GET /after/%d HTTP/1.1\r\nHost: agent\r\nAuthorization: Bearer @TOKEN@\r\n\r\n" % number
            answer = await honest.ask(served.filled(request))
            assert (answer.status, answer.body) == (200, b"GET /after/%d " % number)
    assert not any(target == b"/smuggled" for target in served.agent.targets)
