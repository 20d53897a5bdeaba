"""What callers proved themselves with, for the providers that exchange it: a token is kept in memory alone, sealed, and
only as long as the invocation that it opened lives.

Nothing is kept where no provider exchanges tokens: the front door has no ``Proofs`` then.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from sidecar.identity.principal import Principal
from sidecar.invocation.invocation import Invocation, Invocations
from sidecar.secret import Secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_KEY_BYTES, _NONCE_BYTES = 32, 12


@dataclass(slots=True, eq=False)
class Proof:
    """One caller's token. A ``Stream`` of its invocation, which stops it by dying."""

    principal: Principal
    digest: bytes = field(repr=False)
    """SHA-256 of the token: what is got for it is nobody's who came with another one."""
    _id: bytes
    _sealed: bytes = field(repr=False)
    _proofs: "Proofs" = field(repr=False)

    def reveal(self) -> Secret | None:
        """The token itself; ``None`` once its invocation is dead."""
        return self._proofs.unseal(self._id, self._sealed) if self._sealed else None

    def stop(self) -> None:
        self._sealed = b""
        self._proofs.forget(self._id, self)


class Proofs:
    """The tokens of the invocations that are alive, by the invocation's id."""

    def __init__(self, invocations: Invocations, random: Callable[[int], bytes]) -> None:
        self._invocations, self._random = invocations, random
        self._held: dict[bytes, Proof] = {}
        self._cipher: AESGCM | None = None

    def keep(self, invocation: Invocation, token: bytes) -> None:
        """*token* opened *invocation*. What another sidecar asserts is no token of the principal's, and isn't kept."""
        principal = invocation.principal
        if principal.via is not None:
            return
        nonce = self._random(_NONCE_BYTES)
        sealed = nonce + self._aead().encrypt(nonce, token, invocation.id)
        proof = Proof(principal, sha256(token).digest(), invocation.id, sealed, self)
        self._held[invocation.id] = proof
        self._invocations.hold(invocation, proof)

    def of(self, invocation: bytes, principal: Principal) -> Proof | None:
        """With what *principal* opened the invocation of that id; ``None``: it is dead, or nothing was kept of it."""
        proof = self._held.get(invocation)
        return proof if proof is not None and proof.principal is principal else None

    def unseal(self, invocation: bytes, sealed: bytes) -> Secret:
        token = self._aead().decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], invocation)
        return Secret(token.decode("ascii"))

    def forget(self, invocation: bytes, proof: Proof) -> None:
        if self._held.get(invocation) is proof:
            del self._held[invocation]

    def __len__(self) -> int:
        return len(self._held)

    def _aead(self) -> "AESGCM":
        """Under a key that is this process's alone, and never leaves it."""
        if self._cipher is None:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM

            self._cipher = AESGCM(self._random(_KEY_BYTES))
        return self._cipher
