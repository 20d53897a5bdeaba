"""A request to the identity API, and whose it is."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sidecar.api.surroundings import Surroundings
from sidecar.errors import InvocationMissing, NotPermitted
from sidecar.invocation.caller import Agent, Caller
from sidecar.invocation.carrier import Carried
from sidecar.invocation.invocation import Invocation
from sidecar.oauth.provider import Provider
from sidecar.policy.decision import Decision

Fields = Sequence[tuple[bytes, bytes]]
"""Header fields as they came, names lower-case."""


@dataclass(slots=True)
class Asked:
    """What has come, and what is known of it so far."""

    surroundings: Surroundings
    method: str
    path: bytes
    query: str
    fields: Fields = field(repr=False)
    body: bytes = field(repr=False)
    trace_id: bytes
    span_id: bytes
    name: str = ""
    """What follows the path of a call that takes a name there, as it came."""
    caller: Caller = None
    provider: Provider | None = None
    scopes: frozenset[str] = frozenset()
    decision: Decision | None = None
    tool: str = ""
    """Whose call is asked for, as ``route/tool``."""

    def identify(self, *, bare: bool = False) -> Invocation | Agent:
        """Whose request it is. *bare*: ``Authorization`` may hold the handle without a scheme.

        Raise ``InvocationMissing``, ``InvocationInvalid`` or ``InvocationAmbiguous``.
        """
        callers = self.surroundings.callers
        handles = (*_named(self.fields), *_bearing(self.fields, bare=bare))
        if len(handles) == 1:
            caller: Caller = callers.of_handle(handles[0])
        else:
            caller = callers.of(_carried(handles)) if handles else callers.default()
        if caller is None:
            raise InvocationMissing("no handle")
        self.caller = caller
        if isinstance(caller, Invocation):
            self.trace_id = caller.trace_id
        return caller

    def invocation(self, *, instead: str) -> Invocation:
        """The invocation whose request it is; *instead* is said to the agent where it asks for itself.

        Raise what ``identify`` does, and ``NotPermitted``.
        """
        caller = self.identify()
        if isinstance(caller, Agent):
            raise NotPermitted("the agent's own handle", mend=instead)
        return caller


def _named(fields: Fields) -> tuple[bytes, ...]:
    return tuple([value for name, value in fields if name == b"x-identity-invocation"])


def _bearing(fields: Fields, *, bare: bool) -> tuple[bytes, ...]:
    found = []
    for name, value in fields:
        if name != b"authorization":
            continue
        scheme, _, rest = value.partition(b" ")
        if scheme.lower() == b"bearer":
            found.append(rest.strip(b" \t"))
        elif bare and not rest:
            found.append(value)
    return tuple(found)


def _carried(handles: tuple[bytes, ...]) -> Carried:
    """No attach handle is looked for: one in ``baggage`` is there on every call of an instrumented agent."""
    return Carried(handles, (), frozenset(), None, frozenset(), ())
