"""The call that is being answered: a context variable, and how it comes to tasks, threads and executors.

Tasks and ``asyncio.to_thread`` take the context variable along by themselves. Threads and executors begin with an
empty one: what runs there is handed over by ``carry`` or ``Executor``.
"""

import functools
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import ParamSpec, TypeVar

from sidecar.sdk import identity
from sidecar.sdk.api import Detached, IdentityApi
from sidecar.sdk.identity import INVOCATION, PREFIX, Principal
from sidecar.sdk.place import Place

P = ParamSpec("P")
T = TypeVar("T")

_HANDLE = re.compile(r"ih_[A-Za-z0-9_-]{43}")


class NoInvocation(LookupError):
    """Nobody's call is being answered here."""

    def __init__(self) -> None:
        super().__init__(
            "no invocation is known here: put the SDK's middleware around the application, run threads' work through"
            " sdk.carry, or enter  with sdk.invocation(handle)"
        )


class Call:
    """One invocation, as the agent knows it."""

    __slots__ = ("_principal", "handle")

    def __init__(self, handle: str, said: Principal | None = None) -> None:
        self.handle = handle
        """A credential: never to be logged, nor sent anywhere but to the sidecar."""
        self._principal = said

    @classmethod
    def of(cls, headers: Iterable[tuple[str, str]]) -> "Call | None":
        """The call that *headers* are of; ``None`` where they name no invocation.

        Only the sidecar sets these, and each once: where one comes twice, someone else had a hand in it.
        """
        ours: dict[str, str] = {}
        for name, value in headers:
            if (key := name.lower()).startswith(PREFIX):
                if key in ours:
                    return None
                ours[key] = value
        handle = ours.get(INVOCATION, "")
        return cls(handle, identity.of_headers(ours)) if _HANDLE.fullmatch(handle) else None

    def principal(self, *, ask: bool) -> Principal:
        if self._principal is None or ask:
            self._principal = IdentityApi().principal(self.handle)
        return self._principal


current: ContextVar[Call | None] = ContextVar("sidecar_invocation", default=None)


def handle() -> str | None:
    """The current invocation's handle, for what none of the SDK's hooks reaches; ``None`` outside of a call.

    It is a credential: never log it, and send it to nobody but the sidecar.
    """
    call = current.get()
    return call.handle if call is not None else None


def speaker() -> str:
    """The handle that asks the sidecar: the current call's, and outside of one the agent's own, as for clients.

    Raise ``NoInvocation`` where there is neither.
    """
    own = handle() or Place.found().agent
    if own is None:
        raise NoInvocation
    return own


def principal(*, ask: bool = False) -> Principal:
    """Who called. Known from the request's headers where the middleware saw them, else asked of the sidecar.

    *ask*: ask in any case: then no list is cut, and the record says that the principal was read. An answer takes a
    moment, so that asynchronous code asks by ``await asyncio.to_thread(sdk.principal)``.

    Raise ``NoInvocation``, ``Refused`` or ``Unreachable``.
    """
    call = current.get()
    if call is None:
        raise NoInvocation
    return call.principal(ask=ask)


def detach(seconds: float) -> Detached:
    """A handle of the current invocation that outlives its answer by *seconds*, for work that goes on.

    Raise ``NoInvocation``, ``Refused`` (the configuration's ``invocation.detach`` doesn't allow it) or ``Unreachable``.
    """
    call = current.get()
    if call is None:
        raise NoInvocation
    return IdentityApi().detach(call.handle, seconds)


@contextmanager
def invocation(of: str | Mapping[str, str] | None) -> Iterator[None]:
    """What is done inside is done for the invocation *of* a handle, or of a request's headers; ``None``: for none.

    For workers that take jobs from a queue, and for servers that have neither ASGI nor WSGI. Raise ``ValueError`` for
    what is no handle; headers that name no invocation are a call without one.
    """
    if isinstance(of, str):
        if not _HANDLE.fullmatch(of):
            raise ValueError("that is no invocation's handle")
        call: Call | None = Call(of)
    else:
        call = Call.of(of.items()) if of is not None else None
    token = current.set(call)
    try:
        yield
    finally:
        current.reset(token)


def carry(work: Callable[P, T]) -> Callable[P, T]:
    """*work*, to be run in whichever thread as if it were here: for ``threading.Thread`` and executors.

    All context variables come along, a trace's too. It may be run more than once, and at one time.
    """
    if inspect.iscoroutinefunction(work):
        raise TypeError("a task takes its context along: start it here, or enter  sdk.invocation  in it")
    here = copy_context()

    @functools.wraps(work)
    def carried(*args: P.args, **kwargs: P.kwargs) -> T:
        return here.copy().run(work, *args, **kwargs)  # a context can't be entered twice at one time, its copies can

    return carried


class Executor(ThreadPoolExecutor):
    """A ``ThreadPoolExecutor`` in which each piece of work belongs to the call that submitted it."""

    def submit(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        return super().submit(carry(work), *args, **kwargs)
