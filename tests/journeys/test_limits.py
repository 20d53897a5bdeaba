"""What is refused beyond a limit, as it is configured."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from sidecar.wire.endpoint import Tcp
from tests.journeys.given import given
from tests.journeys.issuer import Issuer
from tests.journeys.patience import until
from tests.relay.callers import Answer, caller
from tests.running import Running, sidecar


def get(token: str, target: str = "/echo", fields: str = "") -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n{fields}\r\n".encode()


def to(running: Running) -> Tcp:
    return Tcp("127.0.0.1", running.port)


async def ask(running: Running, sent: bytes) -> Answer:
    async with caller(to(running)) as one:
        return await one.ask(sent)


def code(answer: Answer) -> tuple[int, str]:
    return answer.status, (answer.value(b"sidecar-error") or b"").decode()


async def test_a_head_and_a_token_are_as_long_as_is_configured(issuer: Issuer, fastapi: str, tmp_path: Path) -> None:
    limits = {"head": "4KiB", "token": "2KiB"}
    async with sidecar(given(issuer, fastapi, inbound={"limits": limits}), tmp_path) as running:
        token = issuer.token()
        room = 4096 - len(get(token, fields="X: \r\n"))
        assert code(await ask(running, get(token, fields=f"X: {'y' * room}\r\n"))) == (200, "")
        assert code(await ask(running, get(token, fields=f"X: {'y' * (room + 1)}\r\n"))) == (431, "too_large")
        long = issuer.token(filling="x" * 2000)
        assert code(await ask(running, get(long))) == (413, "too_large")
        assert code(await ask(running, get(token))) == (200, "")


async def test_requests_are_as_many_as_is_configured(issuer: Issuer, fastapi: str, tmp_path: Path) -> None:
    async with sidecar(given(issuer, fastapi, inbound={"limits": {"requests": 2}}), tmp_path) as running:
        token = issuer.token()
        async with caller(to(running)) as one, caller(to(running)) as two, caller(to(running)) as three:
            for each in (one, two):
                each.send(get(token, "/events?n=100000&pause=0.01"))
                await each.reader.readuntil(b"data: 1")
            answer = await three.ask(get(token))
            assert code(answer) == (503, "overloaded")
            assert answer.value(b"retry-after") == b"1"
            one.reset()

            async def admitted() -> bool:
                return code(await three.ask(get(token))) == (200, "")

            assert await until(admitted)


async def test_connections_are_as_many_as_is_configured(issuer: Issuer, fastapi: str, tmp_path: Path) -> None:
    async with sidecar(given(issuer, fastapi, inbound={"limits": {"connections": 2}}), tmp_path) as running:
        token = issuer.token()
        async with caller(to(running)) as one, caller(to(running)) as two:
            for each in (one, two):
                each.send(get(token, "/events?n=100000&pause=0.01"))
                await each.reader.readuntil(b"data: 1")
            async with caller(to(running)) as three:
                assert code(await three.answer()) == (503, "overloaded")
                assert await three.ended()

        async def admitted() -> bool:
            return code(await ask(running, get(token))) == (200, "")

        assert await until(admitted)


async def test_heads_that_do_not_come_hold_nothing_for_long(issuer: Issuer, fastapi: str, tmp_path: Path) -> None:
    timeouts = {"head": "500ms", "drain": "2s"}
    async with sidecar(given(issuer, fastapi, inbound={"timeouts": timeouts}), tmp_path) as running:
        async with asyncio.TaskGroup() as tasks:
            slow = [tasks.create_task(_drip(running)) for _ in range(50)]
            answer = await ask(running, get(issuer.token()))
            assert code(answer) == (200, "")  # nobody waits for them
        assert {code(each.result()) for each in slow} == {(400, "bad_request")}


async def _drip(running: Running) -> Answer:
    """Say a head byte by byte, until the sidecar has had enough."""
    async with caller(to(running)) as one:
        answering = asyncio.ensure_future(one.answer())
        for byte in get("x" * 500):
            if answering.done():
                break
            one.send(bytes([byte]))
            await asyncio.sleep(0.02)
        return await answering


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\n"])
async def test_many_connections_that_say_little_leave_the_others_alone(
    served: Running, issuer: Issuer, sent: bytes
) -> None:
    before = served.rss()
    async with AsyncExitStack() as stack:
        for _ in range(200):
            (await stack.enter_async_context(caller(to(served)))).send(sent)
        assert code(await ask(served, get(issuer.token()))) == (200, "")
        assert served.rss() - before < 20 * 1024 * 1024
