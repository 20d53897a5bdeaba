"""The handle: what names one invocation, unguessably, and is kept only as its hash."""

import hashlib
from binascii import b2a_base64
from collections.abc import Callable

PREFIX = b"ih_"
AGENT_PREFIX = b"ag_"
"""Of the handle that stands for the agent itself."""
_BYTES = 32
_CHARACTERS = 43
_URLSAFE = bytes.maketrans(b"+/", b"-_")


class Handles:
    """Makes handles of 256 random bits, in batches: one after the other they cost half of what each costs alone."""

    __slots__ = ("_batch", "_made", "_random")

    def __init__(self, random: Callable[[int], bytes], batch: int = 32) -> None:
        self._random = random
        self._batch = batch * _BYTES
        self._made: list[tuple[bytes, bytes]] = []

    def make(self) -> tuple[bytes, bytes]:
        """A handle, and its digest."""
        if not self._made:
            self._made = self._several()
        return self._made.pop()

    def _several(self) -> list[tuple[bytes, bytes]]:
        drawn = self._random(self._batch)
        pieces = [drawn[at : at + _BYTES] for at in range(0, self._batch, _BYTES)]
        handles = [PREFIX + _text(piece) for piece in pieces]
        return [(handle, digest(handle)) for handle in reversed(handles)]


def agent_handle(random: Callable[[int], bytes]) -> bytes:
    """A new handle of the agent itself."""
    return AGENT_PREFIX + _text(random(_BYTES))


def _text(bits: bytes) -> bytes:
    return b2a_base64(bits)[:_CHARACTERS].translate(_URLSAFE)


def digest(handle: bytes) -> bytes:
    """What is kept in a handle's place."""
    return hashlib.sha256(handle).digest()
