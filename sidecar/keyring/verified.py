"""Tokens that were verified, remembered by digest for a moment: the one cache on the way of every request.

Of a token only its SHA-256 is kept. What is remembered ends with the token, after ``remember`` seconds, when its issuer
withdraws a key, and, where there is no room, by age.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import islice
from typing import Generic, TypeVar

from sidecar.errors import SignatureInvalid
from sidecar.identity import token as jwt
from sidecar.identity.idps import MOST_LEEWAY
from sidecar.identity.issuer import SIDECAR, Issuer, by_url
from sidecar.identity.principal import Principal
from sidecar.keyring.keyring import Keyring
from sidecar.keyring.once import Once

T = TypeVar("T")
Groups = Callable[[Issuer, Principal], Awaitable[frozenset[str] | None]]
"""Doesn't raise; ``None``: they can't be told."""
UNKNOWN_SECONDS = 5.0
"""How long it is remembered that groups couldn't be told."""
_GROUP_BYTES = 40
"""What the id of a group takes in a token."""
_SWEPT = 16
"""How many of the oldest entries are looked at when room is made: what has ended goes faster than what comes."""


@dataclass(slots=True)
class Verified(Generic[T]):
    principal: Principal
    expires: float
    """The token's own ``exp``, epoch seconds."""
    prepared: T
    """What the door made of the principal, once."""
    size: int
    """Bytes of the token, as if it named all groups: what is made of it is larger as that is."""
    until: float
    """When it is forgotten, epoch seconds; 0 once it is, for whoever still holds it."""


class Verifier(Generic[T]):
    def __init__(
        self,
        issuers: Iterable[Issuer],
        keyring: Keyring,
        *,
        clock: Callable[[], float],
        prepare: Callable[[Principal], T],
        most_token: int,
        capacity: int = 10_000,
        room: int = 16 << 20,
        remember: float = 60.0,
        once: Once | None = None,
        groups: Groups | None = None,
    ) -> None:
        """*clock* gives epoch seconds; *prepare* may raise a ``Refusal``; *most_token* is bytes, *remember* seconds.
        At most *capacity* tokens are remembered, and of those no more than have *room* bytes together: a principal in
        hundreds of groups takes five times the bytes of its token, one in few ten times. *once* remembers what other
        sidecars have asserted, each of which is good for one call: it outlives a reload. *groups* says which groups a
        principal is in where its token says only that there are some, and its issuer is configured so."""
        self._issuers, self._keyring, self._clock, self._prepare = by_url(issuers), keyring, clock, prepare
        self._most_token, self._capacity, self._remember = most_token, capacity, remember
        self._room, self._groups = room, groups
        self._once = Once(clock=clock) if once is None else once
        self._held: dict[bytes, Verified[T]] = {}
        self._size = 0

    def remembered(self, token: bytes, now: float) -> Verified[T] | None:
        """What ``verify`` found a moment ago; *now* is epoch seconds."""
        found = self.held(token)
        return found if found is not None and found.until > now else None

    def held(self, token: bytes) -> Verified[T] | None:
        """What ``verify`` found once: whoever asks looks at ``until`` themselves."""
        return self._held.get(sha256(token).digest())

    async def verify(self, token: bytes) -> Verified[T]:
        """Raise a ``Refusal`` unless one of the issuers signed *token* for us. Waits only for a key that is not
        held."""
        found = self.remembered(token, self._clock())
        if found is not None:
            return found
        parsed = jwt.unverified(token, self._most_token)
        issuer = jwt.select(parsed, self._issuers)
        if self._keyring.key(issuer, parsed.header) is None:
            await self._keyring.find(issuer, parsed.header)
            # Others may have waited for the same: the first of them has done the work.
            found = self.remembered(token, self._clock())
            if found is not None:
                return found
        principal = self._proved(parsed, issuer)
        expires = jwt.expires(parsed)
        if issuer.type == SIDECAR:
            self._once.take(issuer.name, parsed.claims["jti"], expires + MOST_LEEWAY.total_seconds())
            return Verified(principal, expires, self._prepare(principal), len(token), until=0.0)
        if principal.groups is None and issuer.groups == "graph" and self._groups is not None:
            groups = await self._groups(issuer, principal)
            found = self.remembered(token, self._clock())
            if found is not None:
                return found
            principal = replace(self._proved(parsed, issuer), groups=groups)
            return self._keep(token, principal, expires, self._remember if groups else UNKNOWN_SECONDS)
        return self._keep(token, principal, expires, self._remember)

    def _proved(self, parsed: jwt.Unverified, issuer: Issuer) -> Principal:
        """By the key that is held now, whatever was found: one may have been withdrawn while this task waited."""
        key = self._keyring.key(issuer, parsed.header)
        if key is None:
            raise SignatureInvalid("the key was withdrawn")
        return jwt.verify(parsed, issuer, key, self._clock())

    def forget(self, issuer: Issuer) -> None:
        self.drop(lambda principal: principal.issuer == issuer.name)

    def drop(self, doomed: Callable[[Principal], bool]) -> int:
        """Forget the tokens of principals that are *doomed*; return how many. What comes with one of them is verified
        anew."""
        gone = [digest for digest, held in self._held.items() if doomed(held.principal)]
        for digest in gone:
            self._drop(digest).until = 0.0
        return len(gone)

    def clear(self) -> None:
        for held in self._held.values():
            held.until = 0.0
        self._held.clear()
        self._size = 0

    def sweep(self, now: float) -> None:
        """Drop what has ended: those who called once aren't kept in memory until others come."""
        while self._held:
            digest, oldest = next(iter(self._held.items()))
            if oldest.until > now:
                return
            self._drop(digest)

    def __len__(self) -> int:
        return len(self._held)

    def _keep(self, token: bytes, principal: Principal, expires: float, remember: float) -> Verified[T]:
        now = self._clock()
        until = min(expires, now + remember)
        verified = Verified(principal, expires, self._prepare(principal), _size(token, principal), until)
        if until > now:
            digest = sha256(token).digest()
            if digest in self._held:
                self._drop(digest)  # so that the dictionary's order is that of age
            while self._held and (len(self._held) >= self._capacity or self._size + verified.size > self._room):
                self._make_room(now)
            self._held[digest] = verified
            self._size += verified.size
        return verified

    def _make_room(self, now: float) -> None:
        """Drop the oldest, and what has ended among those that follow it."""
        self._drop(next(iter(self._held)))
        for digest, held in tuple(islice(self._held.items(), _SWEPT)):
            if held.until <= now:
                self._drop(digest)

    def _drop(self, digest: bytes) -> Verified[T]:
        held = self._held.pop(digest)
        self._size -= held.size
        return held


def _size(token: bytes, principal: Principal) -> int:
    return max(len(token), _GROUP_BYTES * len(principal.groups or ()))
