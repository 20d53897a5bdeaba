"""Who called: the noun that everything after the front door is about."""

import base64
import hashlib
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    USER = "user"
    SERVICE = "service"
    WORKFLOW = "workflow"


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller proved by an issuer's signature. Only ``identity.token.verify`` makes one: holding one is the proof."""

    issuer_url: str
    """The issuer's canonical URL: part of the key, where the configured name is not."""
    tenant: str
    """Empty where the issuer has no tenants."""
    subject: str
    """The user's key within the issuer (Entra: ``oid``; Okta: ``uid``; else ``sub``), 1 to 255 characters."""
    issuer: str
    """The configured issuer's name, for display and for rules."""
    kind: Kind
    client: str | None = None
    name: str | None = None
    email: str | None = None
    """Only an email that the issuer says is verified."""
    groups: frozenset[str] | None = frozenset()
    """``None`` where the issuer says that there are groups but not which (Entra's overage): unknown, never "none"."""
    roles: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """The verified claims, for rules that name one."""
    actors: tuple[str, ...] = ()
    """The agents that act for it, the caller first, where another sidecar speaks for it (RFC 8693, section 4.1)."""
    via: str | None = None
    """The configured name of that sidecar; ``None``: it came with its own issuer's token."""
    id: str = field(init=False)
    """The key as one opaque string: ``p_`` and 160 bits of SHA-256 in lower-case base32."""

    def rests_on(self, issuers: Container[str]) -> bool:
        """Whether one of *issuers*, by configured names, is among those that were believed."""
        return self.issuer in issuers or (self.via is not None and self.via in issuers)

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", opaque("p_", self.issuer_url, self.tenant, self.subject))


def opaque(prefix: str, *parts: str) -> str:
    """*parts* as one opaque string: *prefix* and 160 bits of SHA-256 in lower-case base32."""
    digest = base64.b32encode(hashlib.sha256("\0".join(parts).encode()).digest()).decode().lower()
    return prefix + digest[:32]
