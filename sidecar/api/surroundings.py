"""What the identity API needs of the sidecar around it."""

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sidecar.events import Template, Value
from sidecar.identity.principal import Principal
from sidecar.invocation.caller import Callers
from sidecar.invocation.invocation import Invocations
from sidecar.oauth.credential import Source
from sidecar.oauth.provider import Provider
from sidecar.policy.decision import Policy
from sidecar.vault.grant import Grant, Owner
from sidecar.wire.trace import Tracer


class Journal(Protocol):
    def record(self, event: bytes) -> None:
        """Raise ``AuditUnavailable``."""

    def reject(self, event: bytes, code: str) -> None: ...


class Connections(Protocol):
    """What users have granted."""

    async def held(self, owner: Owner) -> Mapping[str, Sequence[Grant]]:
        """By the provider's configured name; dead ones too. Raise a ``Refusal``."""

    async def disconnect(self, owner: Owner, provider: Provider) -> None:
        """Give back all of it at the provider, and wipe it. Raise a ``Refusal``."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Made by ``assembly``, for one configuration: a reload exchanges it."""

    callers: Callers
    invocations: Invocations
    policy: Policy
    providers: Mapping[str, Provider]
    sources: Mapping[str, Source]
    journal: Journal
    subjects: Callable[[Principal], Mapping[str, Value]]
    """A principal's attributes in events."""
    tracer: Tracer
    jwks: Callable[[], Mapping[str, Any]]
    """The sidecar's public keys. Called in a thread: the first time it takes an import."""
    ca: Callable[[], bytes]
    """The certificate of the sidecar's own CA, PEM."""
    clock: Callable[[], float]
    """Epoch seconds."""
    clock_ns: Callable[[], int]
    monotonic: Callable[[], float]
    """The clock of the invocations."""
    connections: Connections | None = None
    """``None``: nobody can grant anything here."""
    consent: Callable[[Principal, str], str] = lambda _principal, _session: "expired"
    """What came of a consent session, to the principal who was asked: ``pending``, ``granted``, ``denied`` or
    ``expired``."""
    named: Mapping[str, frozenset[str]] | None = None
    """With ``inbound.groups: named``: the ``groups`` and ``roles`` that the configuration names."""
    tools: Collection[str] = ()
    """The declared ones, ``route/tool`` and ``set/tool``."""
    tool_route: str | None = None
    """The one MCP route, where there is just one."""
    explains: bool = False
    """Tell the agent which capability came nearest (``policy.explain: agent``)."""
    templates: dict[Hashable, Template] = field(default_factory=dict, repr=False)
    """Of events that have been recorded, by what they say."""
    scopes: dict[tuple[str, frozenset[str]], frozenset[str]] = field(default_factory=dict, repr=False)
    """In the form of the provider of that name, as they were asked for."""
