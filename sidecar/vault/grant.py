"""What a user agreed to: the words that the vault, the broker and the consent share."""

from dataclasses import dataclass

from sidecar.identity.principal import Principal, opaque
from sidecar.secret import Secret


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a grant is: a principal's key, which no configured name is part of."""

    issuer_url: str
    tenant: str
    subject: str

    @classmethod
    def of_principal(cls, principal: Principal) -> "Owner":
        return cls(principal.issuer_url, principal.tenant, principal.subject)

    @property
    def id(self) -> str:
        """As ``Principal.id``."""
        return opaque("p_", self.issuer_url, self.tenant, self.subject)


@dataclass(frozen=True, slots=True)
class At:
    """Where a grant was given."""

    server: str
    """The provider's authorization server: its issuer, else the origin of its token endpoint."""
    client_id: str
    """Our client there."""
    namespace: str = ""
    """``vault.namespace``."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a grant is kept under: there is one at a place."""

    owner: Owner
    at: At
    scopes: frozenset[str]
    """As granted, in the provider's form."""

    @property
    def id(self) -> str:
        """For operators: names the grant that is here."""
        owner, at = self.owner, self.at
        return opaque("g_", owner.id, at.server, at.client_id, at.namespace, *sorted(self.scopes))


@dataclass(frozen=True, slots=True)
class Grant:
    place: Place
    account: str
    """The provider's id of the user's account there."""
    label: str
    """How that account is shown: ``alice@acme.com``."""
    refresh_token: Secret | None
    access_token: Secret | None
    token_type: str
    expires: float | None
    """When the access token ends, epoch seconds; ``None``: nobody says."""
    since: float
    """When the user agreed, epoch seconds."""
    used: float | None
    """When it was last used, epoch seconds."""
    used_by: str
    """By which agent (``agent.name``); empty: by none yet."""
    dead: str = ""
    """Why it is good for nothing any more; empty: it lives."""
    refresh_expires: float | None = None
    """When the refresh token ends, epoch seconds; ``None``: nobody says."""
    version: int = 0
    """What the vault counts at this place; 0: it was never kept."""

    @property
    def alive(self) -> bool:
        return not self.dead
