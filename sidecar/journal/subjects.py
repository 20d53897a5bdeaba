"""How events name a principal: by keyed hashes, the same in a whole fleet, or plainly where that is asked for. Pure."""

import base64
import hmac
from typing import Final

from sidecar.events import Attribute, Value
from sidecar.identity.principal import Kind, Principal

HASHED: Final = "h_"
"""What a hash begins with."""
_LABEL: Final = b"agent-identity-sidecar audit subjects v1"


class Subjects:
    """Names principals in events. An email is never part of it."""

    def __init__(self, key: bytes, *, plain: bool = False) -> None:
        """*key* is the state key, of which the hashes' own key is derived (HKDF with SHA-256, RFC 5869)."""
        # Imported here: the journal's process may have no other need of it before its first token.
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        self._key = HKDF(algorithm=SHA256(), length=32, salt=None, info=_LABEL).derive(key)
        self._plain = plain

    def of(self, principal: Principal) -> dict[str, Value]:
        """The attributes ``identity.principal.*``, and ``user.id`` or ``user.hash`` where a user called."""
        return self.called(principal.id, principal.subject, principal.tenant, principal.issuer, principal.kind)

    def called(self, id: str, subject: str, tenant: str, issuer: str, kind: Kind) -> dict[str, Value]:  # noqa: A002 - the principal's own word
        """As ``of``, where no token has proved who it is. *issuer* is the configured name."""
        key = self.name("principal", id)
        attributes: dict[str, Value] = {
            Attribute.PRINCIPAL_ID: key,
            Attribute.PRINCIPAL_SUBJECT: self.name("subject", subject),
            Attribute.PRINCIPAL_ISSUER: issuer,
            Attribute.PRINCIPAL_KIND: kind.value,
        }
        if tenant:
            attributes[Attribute.PRINCIPAL_TENANT] = tenant
        if kind is Kind.USER:
            user = Attribute.USER_ID if self._plain else Attribute.USER_HASH
            attributes[user] = subject if self._plain else key
        return attributes

    def name(self, what: str, text: str) -> str:
        """*text* itself, or ``h_`` and 160 bits of its keyed hash, of its own for each *what*."""
        if self._plain:
            return text
        digest = hmac.digest(self._key, f"{what}\0{text}".encode("utf-8", "surrogatepass"), "sha256")
        return HASHED + base64.b32encode(digest[:20]).decode().lower()
