"""The vault's own keys: made here, kept in the store, and wrapped there by the state key (AES-256-GCM).

Two purposes: ``ids``, made once for the vault's life, from which rows get their digests; and ``rows``, under which
grants are sealed, rotated when asked. The state key wraps and opens nothing else, so it can be changed without touching
a row.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sidecar.vault.store import Unusable, Wrapped

BYTES, ID_BYTES = 32, 8
IDS, ROWS = "ids", "rows"
_NONCE = 12

Random = Callable[[int], bytes]


class Wrapper:
    """The state key, as far as it wraps the vault's keys."""

    def __init__(self, derive: Callable[[str], bytes], random: Random = os.urandom) -> None:
        """*derive* gives 32 bytes of the state key's for each label."""
        self.id = derive("vault state key id")[:8].hex()
        """Names the state key, and says nothing of it: what a vault wants is named by it."""
        self._aead, self._random = AESGCM(derive("vault keys")), random

    def wrap(self, key_id: bytes, purpose: str, made: int, key: bytes) -> Wrapped:
        nonce = self._random(_NONCE)
        told = _told(key_id, purpose, made, self.id)
        return Wrapped(key_id, purpose, made, self.id, nonce + self._aead.encrypt(nonce, key, told))

    def new(self, purpose: str, made: int) -> Wrapped:
        return self.wrap(self._random(ID_BYTES), purpose, made, self._random(BYTES))

    def unwrap(self, wrapped: Wrapped) -> bytes:
        """Raise ``Unusable``."""
        told = _told(wrapped.id, wrapped.purpose, wrapped.made, wrapped.wrapper)
        try:
            return self._aead.decrypt(wrapped.wrapped[:_NONCE], wrapped.wrapped[_NONCE:], told)
        except (InvalidTag, ValueError) as error:
            raise Unusable(
                f"the vault's key {wrapped.id.hex()} is damaged: it was wrapped by this state key, and doesn't open\n"
                "    restore the vault from a copy"
            ) from error


@dataclass(frozen=True, slots=True)
class Keys:
    """The vault's keys, opened."""

    ids: bytes = field(repr=False)
    rows: Mapping[bytes, bytes] = field(repr=False)
    """By their ids."""
    newest: bytes
    """The id of the one that is sealed under."""
    made: int
    """When that was made, epoch seconds."""


def opened(kept: Sequence[Wrapped], wrapper: Wrapper) -> Keys:
    """Raise ``Unusable``, which names the state key that is wanted, unless every key opens."""
    ours = {one.id: one for one in kept if one.wrapper == wrapper.id}
    for one in kept:
        if one.id not in ours:
            raise Unusable(_wanted([other for other in kept if other.id == one.id], wrapper.id))
    rows = [one for one in ours.values() if one.purpose == ROWS]
    ids = [one for one in ours.values() if one.purpose == IDS]
    if len(ids) != 1 or not rows:
        raise Unusable("the vault lacks keys of its own\n    restore the vault from a copy, keys and grants together")
    newest = max(rows, key=lambda one: (one.made, one.id))
    return Keys(wrapper.unwrap(ids[0]), {one.id: wrapper.unwrap(one) for one in rows}, newest.id, newest.made)


def _wanted(wrappings: Sequence[Wrapped], given: str) -> str:
    wanted = " or ".join(sorted({one.wrapper for one in wrappings}))
    day = datetime.fromtimestamp(wrappings[0].made, UTC).date()
    return (
        f"the vault is sealed by the state key {wanted} (since {day}), and state.key is {given}\n"
        f"    give the state key {wanted}; where none was given, it is the file key in state.dir. If it is lost, so are"
        " the grants: set the vault aside, and users connect their accounts again"
    )


def _told(key_id: bytes, purpose: str, made: int, wrapper: str) -> bytes:
    return json.dumps(["sidecar vault key", 1, key_id.hex(), purpose, made, wrapper]).encode()
