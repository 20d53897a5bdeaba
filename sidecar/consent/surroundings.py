"""What the consent pages need of the sidecar around them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sidecar.consent.attempts import Attempts
from sidecar.consent.frame import Place
from sidecar.consent.login import Endpoints
from sidecar.consent.sessions import Sessions
from sidecar.consent.visitors import Visitors
from sidecar.consent.wishes import Wishes
from sidecar.events import Value
from sidecar.identity.issuer import Issuer
from sidecar.identity.key import Key
from sidecar.identity.principal import Principal
from sidecar.oauth.catalog.entry import Entry
from sidecar.oauth.provider import Provider
from sidecar.secret import Secret
from sidecar.vault.grant import Grant, Owner
from sidecar.wire.http import Fetch
from sidecar.wire.trace import Tracer


@dataclass(frozen=True, slots=True)
class Redemption:
    """What a provider sent a browser back with, and what proves that it was ours."""

    code: Secret
    redirect_uri: str
    verifier: Secret
    nonce: Secret


@dataclass(frozen=True, slots=True)
class Offer:
    """What a provider granted, not kept yet."""

    grant: Grant
    missing: frozenset[str] = frozenset()
    """What was asked for and isn't in it."""


class Grants(Protocol):
    """What becomes of users' grants. Whatever waits may raise a ``Refusal``."""

    async def entry(self, provider: Provider) -> Entry:
        """What is known of *provider*, discovered where need be."""

    async def redeem(
        self, provider: Provider, owner: Owner, scopes: frozenset[str], redemption: Redemption
    ) -> Offer: ...

    async def held(self, owner: Owner) -> Mapping[str, Sequence[Grant]]:
        """By the provider's configured name; dead ones too."""

    async def keep(self, provider: Provider, grant: Grant, instead_of: Sequence[Grant]) -> None:
        """Durable when it returns; *instead_of* is given back at the provider."""

    async def discard(self, provider: Provider, grant: Grant) -> None:
        """Give back what isn't kept, unless that would end what is; it doesn't matter whether the provider can."""

    async def give_back(self, provider: Provider, grant: Grant) -> bool:
        """Revoke *grant*, which is out of the vault, at its provider, as far as that can be: whether it was."""

    async def disconnect(self, owner: Owner, provider: Provider) -> None: ...


class Keys(Protocol):
    """The issuers' (``keyring``)."""

    async def find(self, issuer: Issuer, header: Mapping[str, Any]) -> Key:
        """Raise a ``Refusal``."""


class Journal(Protocol):
    def record(self, event: bytes) -> None:
        """Raise ``AuditUnavailable``."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Made by ``assembly``, for one configuration: a reload exchanges it, but for what is in memory here alone."""

    place: Place
    return_urls: frozenset[str]
    issuers: Mapping[str, Issuer]
    providers: Mapping[str, Provider]
    """Those that users can grant something of."""
    grants: Grants
    keys: Keys
    verify: Callable[[bytes], Awaitable[Principal]]
    """Whose token an application sends, by the front door's rules. Raise a ``Refusal``."""
    fetch: Fetch
    journal: Journal
    subjects: Callable[[Principal], Mapping[str, Value]]
    tracer: Tracer
    clock: Callable[[], float]
    """Epoch seconds."""
    random: Callable[[int], bytes]
    sessions: Sessions
    attempts: Attempts
    visitors: Visitors
    wishes: Wishes
    form_key: bytes = field(repr=False)
    """32 random bytes."""
    discovered: dict[str, tuple[float, Endpoints]] = field(default_factory=dict, repr=False)
    """Where users of an issuer, by its name, sign in, and since when that is known (epoch seconds)."""
    told: Callable[[Principal, Provider, frozenset[str]], tuple[str, ...]] = lambda _principal, _provider, _scopes: ()
    """What those who run the agent say about a question (``consent_text``)."""
