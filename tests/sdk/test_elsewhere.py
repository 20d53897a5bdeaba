"""What takes a moment is done in a thread, for the same call."""

import threading

from sidecar import sdk
from sidecar.sdk.elsewhere import elsewhere
from tests.sdk.handles import HANDLES


async def test_a_thread_does_it_for_the_call_that_is_being_answered() -> None:
    def work(*, more: int) -> tuple[str | None, int, bool]:
        return sdk.handle(), more, threading.current_thread() is threading.main_thread()

    with sdk.invocation(HANDLES[0]):
        assert await elsewhere(work, more=1) == (HANDLES[0], 1, False)
