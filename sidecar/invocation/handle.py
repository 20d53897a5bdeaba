"""The handle: what names one invocation, unguessably, and is kept only as its hash."""

import hashlib
from binascii import b2a_base64
from collections.abc import Callable

PREFIX = b"ih_"
_BYTES = 32
_CHARACTERS = 43
_URLSAFE = bytes.maketrans(b"+/", b"-_")


class Handles:
    """Makes handles of 256 random bits, drawn in batches: each system call counts on the way of every request."""

    __slots__ = ("_at", "_batch", "_drawn", "_random")

    def __init__(self, random: Callable[[int], bytes], batch: int = 64) -> None:
        self._random = random
        self._batch = batch * _BYTES
        self._drawn = b""
        self._at = 0

    def make(self) -> bytes:
        at = self._at
        if at == len(self._drawn):
            self._drawn = self._random(self._batch)
            at = 0
        self._at = at + _BYTES
        return PREFIX + b2a_base64(self._drawn[at : at + _BYTES])[:_CHARACTERS].translate(_URLSAFE)


def digest(handle: bytes) -> bytes:
    """What is kept in a handle's place."""
    return hashlib.sha256(handle).digest()
