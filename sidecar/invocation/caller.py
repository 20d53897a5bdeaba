"""Whose an outgoing call is: an invocation's, the agent's own, or nobody's. Never a guess, and never the agent's word
alone. Pure."""

from collections.abc import Iterable
from enum import Enum, auto
from hmac import compare_digest
from typing import Final, TypeAlias

from sidecar.errors import InvocationAmbiguous, InvocationInvalid
from sidecar.invocation.carrier import Carried
from sidecar.invocation.handle import digest
from sidecar.invocation.invocation import Invocation, Invocations


class Agent(Enum):
    """The agent itself, whoever it works for."""

    AGENT = auto()


AGENT: Final = Agent.AGENT

Caller: TypeAlias = Invocation | Agent | None
"""``None``: nobody, for there was no handle."""


class Callers:
    """Who may call out, by handle."""

    __slots__ = ("_agent", "_invocations", "_one")

    def __init__(self, invocations: Invocations, agent: bytes | None, concurrency_one: bool) -> None:
        """*agent*: the agent's handle, of which the digest alone is kept; ``None``: there is none."""
        self._invocations = invocations
        self._agent = digest(agent) if agent is not None else None
        self._one = concurrency_one

    def of(self, carried: Carried, default: Caller = None) -> Caller:
        """Whose call a head with these carriers is; *default*: whose it is without a handle.

        The agent's handle is a default itself: beside an invocation's, and where *default* is an invocation, it names
        no one. Raise ``InvocationInvalid`` for a handle that is not good, and for a *default* that has died;
        ``InvocationAmbiguous`` for handles of several invocations.
        """
        named = [self.of_handle(handle) for handle in carried.handles]
        named += [self._attaching(handle) for handle in carried.attaching]
        several = [caller for caller in named if isinstance(caller, Invocation)]
        if several:
            if any(invocation is not several[0] for invocation in several):
                raise InvocationAmbiguous("handles of different invocations")
            return several[0]
        if isinstance(default, Invocation):
            if not self._invocations.living(default):
                raise InvocationInvalid("the invocation that this connection belongs to has ended")
            return default
        return AGENT if named else default

    def of_handle(self, handle: bytes) -> Invocation | Agent:
        """Whom *handle* names; one that is good for attaching names nobody. Raise ``InvocationInvalid``."""
        invocation = self._invocations.find(handle)
        if invocation is not None:
            return invocation
        if self._is_agents(handle):
            return AGENT
        if self._invocations.find_attaching(handle) is not None:
            raise InvocationInvalid("a handle that is good for attaching alone")
        raise InvocationInvalid("no handle of an open invocation")

    def live(self, candidates: Iterable[bytes]) -> bool:
        """Whether one of *candidates* is a handle that is good for anything."""
        find, find_attaching = self._invocations.find, self._invocations.find_attaching
        return any(find(each) or find_attaching(each) or self._is_agents(each) for each in candidates)

    def default(self) -> Invocation | None:
        """Whose a call without any handle is: with ``agent.concurrency: one`` the only invocation's that is alive.

        Raise ``InvocationAmbiguous`` where several are.
        """
        return self._invocations.only() if self._one else None

    def _attaching(self, handle: bytes) -> Invocation:
        invocation = self._invocations.find_attaching(handle)
        if invocation is None:
            raise InvocationInvalid("baggage holds no attach handle of an open invocation")
        return invocation

    def _is_agents(self, handle: bytes) -> bool:
        return self._agent is not None and compare_digest(digest(handle), self._agent)
