"""The attacks on framing and on names, through the whole sidecar to agents that others wrote."""

import asyncio

from sidecar.wire.endpoint import Tcp
from tests.inbound.spoofing_attacks import SPOOFS
from tests.journeys.issuer import Issuer
from tests.journeys.raw import say
from tests.relay.callers import Answer, caller
from tests.relay.framing_attacks import ATTACKS, HARMLESS, Attack, get
from tests.running import Event, Running


async def test_no_request_of_two_readings_gets_through(served: Running, issuer: Issuer) -> None:
    token = issuer.token("mallory").encode()

    def filled(sent: bytes) -> bytes:
        return sent.replace(b"/attack", b"/echo").replace(b"@TOKEN@", token)

    failed: list[str] = []
    for attack in ATTACKS:
        control = await _ask(served, filled(attack.control))
        if control.value(b"sidecar-error") is not None:
            failed.append(f"{attack.name}: the control is refused: {control}")
        if (said := await _attack(served, attack, filled(attack.sent))) is not None:
            failed.append(f"{attack.name}: {said}")
    for harmless in HARMLESS:
        answer = await _ask(served, filled(harmless.sent))
        if answer.value(b"sidecar-error") is not None:
            failed.append(f"{harmless.name}: refused: {answer}")
    assert not failed, "\n".join(failed)

    assert (await _ask(served, filled(get(line=b"GET /echo/last HTTP/1.1")))).status == 200
    await served.event(lambda event: _path(event) == "/echo/last")
    admitted = [_path(event) for event in served.events() if event["name"] == "identity.init"]
    assert "/echo" in admitted
    assert "/smuggled" not in admitted


async def test_no_forged_field_reaches_the_handler(served: Running, issuer: Issuer) -> None:
    token = issuer.token("alice").encode()
    failed: list[str] = []
    for spoof in SPOOFS:
        if "head" not in spoof.places:
            continue
        line = b"GET /echo HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + token + b"\r\n"
        answer = await say(served, line + spoof.sent + b"\r\n\r\n")
        if answer.status != 200 or b"mallory" in answer.body or answer.echoed("x-identity-subject") != ["alice"]:
            failed.append(f"{spoof.name}: {answer}")
    assert not failed, "\n".join(failed)


async def _ask(served: Running, sent: bytes) -> Answer:
    async with caller(Tcp("127.0.0.1", served.port)) as one:
        return await one.ask(sent)


async def _attack(served: Running, attack: Attack, sent: bytes) -> str | None:
    """What is wrong with the answer, if anything."""
    async with caller(Tcp("127.0.0.1", served.port)) as one:
        head, end, body = sent.partition(b"\r\n\r\n")
        one.send(head + end)
        if attack.head_passes:
            await asyncio.sleep(0.005)  # so that the head has reached the agent before the body goes wrong
        one.send(body)
        answer = await one.answer()
        if (answer.status, answer.value(b"sidecar-error")) != (attack.status, attack.code.encode()):
            return f"answered with {answer}"
        return None if await one.ended() else "the connection was reset"


def _path(event: Event) -> str:
    path: str = event["attributes"].get("url.path", "")
    return path
