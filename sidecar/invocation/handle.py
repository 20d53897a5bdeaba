"""The handle: what names one invocation, unguessably, and is kept only as its hash."""

from binascii import b2a_base64
from collections.abc import Callable
from hashlib import blake2s  # of so few bytes it costs half of SHA-256 through OpenSSL
from struct import Struct

PREFIX = b"ih_"
AGENT_PREFIX = b"ag_"
"""Of the handle that stands for the agent itself."""
_BYTES = 32
_CHARACTERS = 43
_URLSAFE = bytes.maketrans(b"+/", b"-_")


class Handles:
    """Makes handles of 256 random bits, in batches: one after the other they cost a third of what each costs alone."""

    __slots__ = ("_batch", "_bits", "_made", "_random", "_texts")

    def __init__(self, random: Callable[[int], bytes], batch: int = 32) -> None:
        self._random = random
        self._batch = batch
        self._bits, self._texts = Struct(f"{_BYTES}s" * batch), Struct(f"{len(PREFIX) + _CHARACTERS}s" * batch)
        self._made: list[tuple[bytes, bytes]] = []

    def make(self) -> tuple[bytes, bytes]:
        """A handle, and its digest."""
        if not self._made:
            self._made = self._several()
        return self._made.pop()

    def _several(self) -> list[tuple[bytes, bytes]]:
        pieces = self._bits.unpack(self._random(self._batch * _BYTES))
        lines = b"".join(map(b2a_base64, pieces)).translate(_URLSAFE)  # each ends with "=\n", where the next begins
        handles: tuple[bytes, ...] = self._texts.unpack((PREFIX + lines.replace(b"=\n", PREFIX))[: self._texts.size])
        return [(handle, blake2s(handle).digest()) for handle in reversed(handles)]


def agent_handle(random: Callable[[int], bytes]) -> bytes:
    """A new handle of the agent itself."""
    return AGENT_PREFIX + _text(random(_BYTES))


def _text(bits: bytes) -> bytes:
    return b2a_base64(bits)[:_CHARACTERS].translate(_URLSAFE)


def digest(handle: bytes) -> bytes:
    """What is kept in a handle's place."""
    return blake2s(handle).digest()
