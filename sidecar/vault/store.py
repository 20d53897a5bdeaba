"""Where sealed rows are kept. A store reads nothing of them: it compares versions.

A row names its data key, and a key that rows name can't be dropped: so a row is never left without the key that opens
it, however many sidecars write while keys are rotated.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol


class Unavailable(Exception):
    """The store doesn't answer now; the text says why, without its address's password."""


class Unusable(Exception):
    """The store can't be used as it is; the text says why and what to do."""


class KeyGone(Exception):
    """The row names a data key that the store hasn't got (any more)."""


@dataclass(frozen=True, slots=True)
class Row:
    """One sealed grant. All that isn't sealed is a keyed digest or says nothing."""

    id: bytes
    """Digest of the grant's place, 32 bytes."""
    owner: bytes
    """Digest of its owner, 32 bytes."""
    version: int
    key: bytes
    """Which data key it is sealed under, 8 bytes."""
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Wrapped:
    """One of the vault's own keys, as one state key wraps it; another state key may wrap it too."""

    id: bytes
    """8 random bytes."""
    purpose: str
    """``rows`` or ``ids``."""
    made: int
    """Epoch seconds."""
    wrapper: str
    """The id of the state key that wraps it."""
    wrapped: bytes = field(repr=False)


class Store(Protocol):
    """Raises ``Unavailable`` from every call."""

    async def get(self, row_id: bytes) -> Row | None: ...

    async def swap(self, row_id: bytes, old: int | None, new: Row | None) -> bool:
        """Put *new* (``None``: nothing) where version *old* (``None``: nothing) is, durably; ``False``: there is
        another. Raise ``KeyGone``."""

    async def of(self, owner: bytes) -> Sequence[Row]: ...

    def all(self) -> AsyncIterator[Row]:
        """Every row that is there throughout; those that come or change meanwhile may be among them."""

    async def left(self, key: bytes) -> int:
        """How many rows are sealed under another key than *key*."""

    def locked(self, row_id: bytes) -> AbstractAsyncContextManager[None]:
        """Nobody else who shares the store is inside for *id*: a courtesy, for the version is what decides."""

    async def keys(self) -> Sequence[Wrapped]: ...

    async def add_keys(self, keys: Sequence[Wrapped], *, first: bool = False) -> bool:
        """All of them or none; those that are there already stay as they are. *first*: only where there is no key at
        all, else ``False``."""

    async def drop_key(self, key_id: bytes, wrapper: str | None = None) -> bool:
        """Drop a key in all its wrappings, or in one of them; ``False``: rows name it."""

    async def close(self) -> None: ...
