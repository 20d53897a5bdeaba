"""Who has signed in on the pages, by browser. In memory only."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from sidecar.identity.principal import Principal
from sidecar.wire.strict import base64url_encode

IDLE, MOST_SECONDS = 1800.0, 8 * 3600.0
"""Seconds without a page, and in all, after which a visitor signs in again."""


@dataclass(slots=True)
class Visitor:
    principal: Principal
    since: float
    seen: float
    cookie: bytes = field(repr=False)
    """The digest of the browser's cookie."""


class Visitors:
    """``clock`` gives seconds of any clock that doesn't go backwards; ``random`` bytes that nobody can guess."""

    def __init__(self, *, clock: Callable[[], float], random: Callable[[int], bytes], most: int = 10_000) -> None:
        self._clock, self._random, self._most = clock, random, most
        self._held: dict[bytes, Visitor] = {}
        """By digest of the cookie; who was seen last stands last."""

    def sign_in(self, principal: Principal, before: str | None = None) -> str:
        """The cookie of a browser whose user is *principal*: always a new one, so that nobody has planted it. Who was
        signed in with *before* is so no more."""
        if before is not None:
            self.sign_out(before)
        now = self._clock()
        while self._held:
            cookie, oldest = next(iter(self._held.items()))
            if len(self._held) < self._most and not self._over(oldest, now):
                break
            del self._held[cookie]
        value = base64url_encode(self._random(32)).decode()
        self._held[digest(value)] = Visitor(principal, now, now, digest(value))
        return value

    def of(self, cookie: str | None) -> Visitor | None:
        """Who comes with *cookie*."""
        if cookie is None:
            return None
        key = digest(cookie)
        visitor = self._held.pop(key, None)
        now = self._clock()
        if visitor is None or self._over(visitor, now):
            return None
        visitor.seen = now
        self._held[key] = visitor
        return visitor

    def sign_out(self, cookie: str) -> None:
        self._held.pop(digest(cookie), None)

    def drop(self, doomed: Callable[[Principal], bool]) -> int:
        """Sign out everyone who is *doomed*; return in how many browsers."""
        gone = [key for key, visitor in self._held.items() if doomed(visitor.principal)]
        for key in gone:
            del self._held[key]
        return len(gone)

    def __len__(self) -> int:
        return len(self._held)

    @staticmethod
    def _over(visitor: Visitor, now: float) -> bool:
        return now - visitor.seen >= IDLE or now - visitor.since >= MOST_SECONDS


def digest(cookie: str) -> bytes:
    """What is kept of a cookie's value."""
    return hashlib.sha256(cookie.encode("utf-8", "surrogateescape")).digest()
