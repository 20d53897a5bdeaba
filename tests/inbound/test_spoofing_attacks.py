"""No caller makes the agent believe in another one, and nothing that an agent says passes for the sidecar's."""

import pytest

from tests.inbound.front import Front, front
from tests.inbound.spoofing_attacks import ANSWERS, SPOOFS, Spoof
from tests.relay.agents import Request, saying
from tests.relay.callers import Answer, caller

ATTACKS = [(spoof, place) for spoof in SPOOFS for place in spoof.places]
CHANGING = {b"traceparent", b"x-identity-invocation"}
"""Fields that differ from one request to the next."""


def sent(place: str, lines: bytes) -> bytes:
    line, token = b"/spoof HTTP/1.1\r\nHost: agent\r\n", b"Authorization: Bearer @TOKEN@\r\n"
    lines = lines + b"\r\n" if lines else b""
    if place == "head":
        return b"GET " + line + lines + token + b"\r\n"
    return b"POST " + line + token + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n" + lines + b"\r\n"


def fixed(request: Request) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in [*request.fields, *request.trailers] if name not in CHANGING]


async def seen(served: Front, place: str, lines: bytes) -> Request:
    async with caller(served.endpoint) as one:
        answer = await one.ask(served.filled(sent(place, lines)))
        assert answer.status == 200, answer
    return served.agent.seen[-1]


@pytest.mark.parametrize(("spoof", "place"), ATTACKS, ids=[f"{spoof.name} in the {place}" for spoof, place in ATTACKS])
async def test_a_forged_field_changes_nothing_that_the_agent_sees(spoof: Spoof, place: str) -> None:
    async with front() as served:
        plain = await seen(served, place, b"")
        for _ in range(2):  # the second time by the shape that was kept
            forged = await seen(served, place, spoof.sent)
            left = [(spoof.left.partition(b": ")[0], spoof.left.partition(b": ")[2])] if spoof.left else []
            assert sorted(fixed(forged)) == sorted([*fixed(plain), *left])
            assert forged.values(b"x-identity-principal") == plain.values(b"x-identity-principal") != []
            assert len(forged.values(b"x-identity-invocation")) == len(forged.values(b"traceparent")) == 1

        honest = await seen(served, place, spoof.control)
        assert spoof.control.lower() in b"\r\n".join(
            name + b": " + value for name, value in [*honest.fields, *honest.trailers]
        ) or spoof.control + b"\r\n" in bytes(served.agent.links[-1].raw)
        assert b"mallory" not in served.agent.raw


def answering(place: str, lines: bytes) -> bytes:
    first = b"HTTP/1.1 200 OK\r\n"
    if place == "head":
        return first + lines + b"\r\nContent-Length: 2\r\n\r\nhi"
    return first + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n" + lines + b"\r\n\r\n"


ANSWERED = [(spoof, place) for spoof in ANSWERS for place in spoof.places]


@pytest.mark.parametrize("version", [b"HTTP/1.1", b"HTTP/1.0"])
@pytest.mark.parametrize(
    ("spoof", "place"), ANSWERED, ids=[f"{spoof.name} in the {place}" for spoof, place in ANSWERED]
)
async def test_an_answer_never_carries_what_only_the_sidecar_says(spoof: Spoof, place: str, version: bytes) -> None:
    async def answer(lines: bytes) -> Answer:
        served.agent.answer = saying(answering(place, lines))
        async with caller(served.endpoint) as one:
            request = served.filled(sent("head", b"")).replace(b"HTTP/1.1", version)
            return await one.ask(request)

    async with front() as served:
        for _ in range(2):
            forged = await answer(spoof.sent)
            assert (forged.status, forged.body) == (200, b"hi")
            everything = [*forged.fields, *forged.trailers]
            assert not [pair for pair in everything if b"mallory" in pair[1]]
            assert b"sidecar-error" not in forged.names
            assert forged.value(b"x-trace-id") == served.agent.seen[-1].values(b"traceparent")[0].split(b"-")[1]
        honest = await answer(spoof.control)
        name, _, value = spoof.control.partition(b": ")
        arrived = (name.lower(), value) in [*honest.fields, *honest.trailers]
        assert arrived or (version == b"HTTP/1.0" and place == "trailers")


async def test_neither_an_interim_answer_nor_a_switch_of_protocols_carries_what_only_the_sidecar_says() -> None:
    forged = b"X-Identity-Subject: mallory\r\nSidecar-Error: mallory\r\nX-Trace-Id: mallory\r\n"
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n" + forged + b"\r\n"
    async with front(answer=saying(hints + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as served:
        async with caller(served.endpoint) as one:
            one.send(served.filled(sent("head", b"Connection: close")))
            answer = await one.rest()
            assert b"103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200" in answer
            assert b"mallory" not in answer
        switch = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        served.agent.answer = saying(switch + forged + b"\r\n", close=True)
        async with caller(served.endpoint) as one:
            handshake = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            one.send(served.filled(sent("head", handshake + b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")))
            answer = await one.rest()
            assert answer.startswith(b"HTTP/1.1 101 ")
            assert b"mallory" not in answer
            assert answer.count(b"X-Trace-Id: ") == 1
