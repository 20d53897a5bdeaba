"""What MCP routes go on with after a reload: whose sessions are, who waits for notes, and which tools there are."""

from collections.abc import Iterable
from typing import Protocol

from sidecar.mcp.sessions import Sessions
from sidecar.policy.decision import Policy


class Listener(Protocol):
    """A stream in which a client waits for notes."""

    def changed(self, policy: Policy, now: float) -> None:
        """*policy* is what is decided by from now on, *now* in epoch seconds."""


class Conversations:
    MOST_TOOLS = 4096
    """Of one route, that are remembered."""

    def __init__(self) -> None:
        self.sessions = Sessions()
        self._tools: dict[str, dict[str, None]] = {}
        self._open: dict[Listener, None] = {}

    def saw(self, route: str, tools: Iterable[str]) -> None:
        """The server of *route* has these."""
        known = self._tools.setdefault(route, {})
        known.update(dict.fromkeys(tools))
        while len(known) > self.MOST_TOOLS:
            del known[next(iter(known))]

    def tools(self, route: str) -> tuple[str, ...]:
        return tuple(self._tools.get(route, ()))

    def begin(self, listener: Listener) -> None:
        self._open[listener] = None

    def end(self, listener: Listener) -> None:
        self._open.pop(listener, None)

    def changed(self, policy: Policy, now: float) -> None:
        """Tell whoever listens."""
        for each in list(self._open):
            each.changed(policy, now)
