"""Whose call is being answered, wherever the work is done."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar

import pytest

from sidecar import sdk
from sidecar.sdk.call import Call
from tests.sdk.handles import HANDLES

ALICE, BOB = HANDLES[:2]

SAID = {
    "X-Identity-Principal": "p_1",
    "X-Identity-Subject": "alice",
    "X-Identity-Issuer": "okta",
    "X-Identity-Kind": "user",
    "X-Identity-Invocation": ALICE,
}


def test_outside_of_a_call_there_is_nobody() -> None:
    assert sdk.handle() is None
    with pytest.raises(sdk.NoInvocation, match="middleware"):
        sdk.principal()
    with pytest.raises(sdk.NoInvocation):
        sdk.detach(60)


def test_what_is_done_inside_an_invocation_is_its_own() -> None:
    with sdk.invocation(ALICE):
        assert sdk.handle() == ALICE
        with sdk.invocation(BOB):
            assert sdk.handle() == BOB
        with sdk.invocation(None):
            assert sdk.handle() is None
        assert sdk.handle() == ALICE
    assert sdk.handle() is None


def test_headers_say_who_called_and_nobody_is_asked() -> None:
    with sdk.invocation(SAID):
        assert sdk.handle() == ALICE
        assert sdk.principal() == sdk.Principal("p_1", "alice", "okta", "user")


def test_an_invocation_ends_with_its_exception_too() -> None:
    with pytest.raises(KeyError), sdk.invocation(ALICE):
        raise KeyError
    assert sdk.handle() is None


@pytest.mark.parametrize("text", ["", "ih_", "ag_" + "a" * 43, ALICE + "a", ALICE[:-1], ALICE + "\n", f"{ALICE},{BOB}"])
def test_what_is_no_handle_is_no_invocation(text: str) -> None:
    with pytest.raises(ValueError, match="no invocation's handle"), sdk.invocation(text):
        pass
    with sdk.invocation(SAID | {"X-Identity-Invocation": text}):
        assert sdk.handle() is None


def test_a_header_that_comes_twice_is_nobodys() -> None:
    assert Call.of(SAID.items()) is not None
    assert Call.of([*SAID.items(), ("x-identity-subject", "bob")]) is None
    assert Call.of([*SAID.items(), ("X-IDENTITY-INVOCATION", ALICE)]) is None
    assert Call.of([("Cookie", "a"), ("Cookie", "b"), *SAID.items()]) is not None


def test_no_handle_is_shown() -> None:
    call = Call.of(SAID.items())
    assert ALICE not in repr(call)
    assert ALICE not in repr(sdk.Detached(ALICE, 0.0))


# where work is done


async def test_tasks_and_to_thread_belong_to_the_call_that_started_them() -> None:
    async def one(handle: str) -> list[str | None]:
        with sdk.invocation(handle):
            task = asyncio.create_task(asyncio.sleep(0.01, sdk.handle()))
            both = asyncio.gather(asyncio.to_thread(sdk.handle), later())
        return [await task, *await both]

    async def later() -> str | None:
        await asyncio.sleep(0.01)
        return sdk.handle()

    answers = await asyncio.gather(*map(one, HANDLES))
    assert answers == [[handle] * 3 for handle in HANDLES]
    assert sdk.handle() is None


def test_a_thread_is_handed_the_call() -> None:
    seen: dict[str, str | None] = {}

    def work(name: str) -> None:
        seen[name] = sdk.handle()

    with sdk.invocation(ALICE):
        threads = [
            threading.Thread(target=work, args=("bare",)),
            threading.Thread(target=sdk.carry(work), args=("carried",)),
        ]
    for thread in threads:
        thread.start()
        thread.join()
    assert seen == {"bare": None, "carried": ALICE}


def test_an_executors_threads_serve_each_call_as_its_own() -> None:
    with sdk.Executor(2) as executor:
        futures = []
        for handle in HANDLES:
            with sdk.invocation(handle):
                futures.append(executor.submit(sdk.handle))
        assert [future.result() for future in futures] == HANDLES
        with sdk.invocation(ALICE):
            assert [*executor.map(lambda number: (number, sdk.handle()), range(3))] == [(n, ALICE) for n in range(3)]
        assert executor.submit(sdk.handle).result() is None


async def test_a_loop_can_have_it_as_its_executor() -> None:
    loop = asyncio.get_running_loop()
    with sdk.Executor(1) as executor, sdk.invocation(ALICE):
        loop.set_default_executor(executor)
        assert await loop.run_in_executor(None, sdk.handle) == ALICE
        assert await loop.run_in_executor(executor, sdk.handle) == ALICE


def test_carried_work_runs_many_times_at_once_and_brings_everything_along() -> None:
    tenant: ContextVar[str] = ContextVar("tenant")
    together = threading.Barrier(3, timeout=10)

    def work(number: int, *, factor: int) -> tuple[str, str | None, int]:
        together.wait()
        return tenant.get(), sdk.handle(), number * factor

    tenant.set("acme")
    with sdk.invocation(ALICE):
        carried = sdk.carry(work)
    tenant.set("other")
    with ThreadPoolExecutor(3) as executor:
        futures = [executor.submit(carried, number, factor=2) for number in range(3)]
        assert [future.result() for future in futures] == [("acme", ALICE, number * 2) for number in range(3)]
    assert carried.__name__ == "work"


def test_a_coroutine_is_not_carried_but_started() -> None:
    async def work() -> None: ...

    with pytest.raises(TypeError, match="task"):
        sdk.carry(work)


async def test_a_coroutine_that_a_thread_hands_to_a_loop_belongs_to_the_threads_call() -> None:
    loop = asyncio.get_running_loop()

    async def work() -> str | None:
        await asyncio.sleep(0)
        return sdk.handle()

    def from_thread() -> str | None:
        return asyncio.run_coroutine_threadsafe(work(), loop).result(timeout=10)

    with sdk.invocation(ALICE):
        assert await asyncio.to_thread(from_thread) == ALICE


def test_a_generator_sees_the_call_of_whoever_takes_from_it() -> None:
    def pieces() -> Iterator[str | None]:
        while True:
            yield sdk.handle()

    running = pieces()
    with sdk.invocation(ALICE):
        assert next(running) == ALICE
    assert next(running) is None
