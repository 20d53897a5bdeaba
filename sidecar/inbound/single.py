"""The front door of an agent that serves one call at a time (``agent.concurrency: one``).

Such an agent can't say which of its calls a request of its own belongs to, so there is never more than one: who has
been let in waits for their turn, and it ends with the answer. Public paths wait as well, for while the agent serves
one of them, what it sends out must not be taken for somebody else's. The sidecar's own pages don't.
"""

from collections.abc import Awaitable, Callable
from typing import Any, cast

from sidecar.inbound.blocked import Blocked
from sidecar.inbound.door import Caller, Door, Plan
from sidecar.inbound.path import Rule
from sidecar.inbound.turn import Turn
from sidecar.keyring.verified import Verified
from sidecar.relay.head import Head
from sidecar.relay.passage import Passage, Peer
from sidecar.wire.trace import Trace


class SingleDoor(Door):
    """Lets one call in at a time. Who isn't let in at all doesn't wait."""

    turn: Turn

    def __init__(self, *, turn: Turn, turn_seconds: float, blocked: Blocked, **rest: Any) -> None:
        """*turn* outlives the door: a reload makes another one. *turn_seconds* is how long one waits for it."""
        super().__init__(**rest)
        self.turn, self._blocked = turn, blocked
        self._turn_seconds = turn_seconds

    def _let_in(self, head: Head[Plan], peer: Peer, trace: Trace, verified: Verified[Caller]) -> Awaitable[Passage]:
        def enter() -> Passage | Awaitable[Passage]:
            self._blocked.require(verified.principal)  # it may be so since they began to wait
            return super(SingleDoor, self)._let_in(head, peer, trace, verified)

        return self._in_turn(enter)

    def _without_identity(
        self, head: Head[Plan], peer: Peer, trace: Trace, rule: Rule
    ) -> Passage | Awaitable[Passage] | None:
        if rule is Rule.OWNED:
            return super()._without_identity(head, peer, trace, rule)
        if rule is Rule.PROTECTED and not self._passes(head):
            return None
        return self._in_turn(lambda: super(SingleDoor, self)._without_identity(head, peer, trace, rule))

    async def _in_turn(self, enter: Callable[[], Passage | Awaitable[Passage] | None]) -> Passage:
        await self.turn.take(self._turn_seconds)
        try:
            return cast(Passage, enter())
        except BaseException:
            self.turn.leave()
            raise
