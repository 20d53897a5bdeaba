"""One call at a time, for an agent that can't say which of its calls a request of its own belongs to."""

import asyncio
import math
from collections import deque

from sidecar.errors import TurnMissed


class Turn:
    """Whoever takes it has it alone until they leave; the others wait in the order in which they came."""

    __slots__ = ("_taken", "_waiting")

    def __init__(self) -> None:
        self._taken = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self, seconds: float) -> None:
        """Wait for one's turn, for *seconds* at most. Raise ``TurnMissed``.

        Who is cancelled has no turn, even if it came at the same moment.
        """
        if not self._taken:
            self._taken = True
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await asyncio.wait([turn], timeout=seconds)
        except asyncio.CancelledError:
            self._give_up(turn)
            raise
        if not turn.done():
            self._give_up(turn)
            raise TurnMissed(
                "the agent serves one call at a time (agent.concurrency), and this one's turn did not come",
                retry_after=max(1, math.ceil(seconds)),
            )

    def leave(self) -> None:
        """Hand the turn on. Only who has it may."""
        if not self._taken:
            raise RuntimeError("nobody has the turn")
        if self._waiting:
            self._waiting.popleft().set_result(None)
        else:
            self._taken = False

    def _give_up(self, turn: "asyncio.Future[None]") -> None:
        if turn.done():
            self.leave()
        else:
            self._waiting.remove(turn)
