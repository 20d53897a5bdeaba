"""What agents have asked of users, each behind a link that is good for ten minutes. In memory only: who comes after a
restart is asked again by the agent's next call."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from sidecar.errors import RateLimited
from sidecar.identity.principal import Principal
from sidecar.vault.grant import Owner
from sidecar.wire.strict import base64url_encode

LIFETIME = 600.0
"""Seconds that a user has to agree,"""
REMEMBERED = 600.0
"""and that what came of it is told afterwards."""


class Status(StrEnum):
    PENDING = "pending"
    GRANTED = "granted"
    """All that was asked for."""
    DENIED = "denied"
    """Not all that was asked for, or nothing."""
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Origin:
    """The call for which consent was asked: what the record ties the answer to."""

    invocation: bytes = b""
    trace_id: bytes = b""
    span_id: bytes = b""


@dataclass(slots=True, eq=False)
class Session:
    """One question to one user."""

    id: str = field(repr=False)
    """256 random bits in base64url: what the link ends with."""
    principal: Principal
    provider: str
    """Its configured name."""
    scopes: frozenset[str]
    """In the provider's form."""
    origin: Origin
    expires: float
    """Of the sessions' clock, in seconds."""
    status: Status = Status.PENDING
    missing: frozenset[str] = frozenset()
    """Once it is over: what was asked for and not granted,"""
    granted: frozenset[str] = frozenset()
    """what was,"""
    account: str = field(default="", repr=False)
    """and of which account at the provider, as it is shown."""
    kept: bool = False
    """The user decided for the account that was connected before."""

    @property
    def owner(self) -> Owner:
        return Owner.of_principal(self.principal)

    def grant(self, scopes: frozenset[str], missing: frozenset[str], account: str) -> None:
        """The user agreed to *scopes*; *missing* is what was asked for and isn't among them."""
        self.granted, self.missing, self.account = scopes, missing, account
        self.status = Status.DENIED if missing else Status.GRANTED

    def deny(self, *, kept: bool = False) -> None:
        self.missing, self.kept, self.status = self.scopes, kept, Status.DENIED


class Sessions:
    """``clock`` gives seconds of any clock that doesn't go backwards; ``random`` bytes that nobody can guess."""

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        random: Callable[[int], bytes],
        most: int = 10_000,
        most_of_one: int = 32,
    ) -> None:
        self._clock, self._random = clock, random
        self._most, self._most_of_one = most, most_of_one
        self._held: dict[bytes, Session] = {}
        """By digest of the id: what is looked up takes no time that says anything of what is held. The oldest first."""
        self._of: dict[str, dict[bytes, Session]] = {}
        """The same by the principal's id."""

    def begin(
        self,
        principal: Principal,
        provider: str,
        scopes: frozenset[str],
        origin: Origin = Origin(),
    ) -> Session:
        """The open question to *principal* about exactly this, a new one where there is none or half its time is over.

        Raise ``RateLimited`` where *principal* has as many open questions as one may have.
        """
        now = self._clock()
        self._forget(now)
        mine = [each for each in self._of.get(principal.id, {}).values() if self._open(each, now)]
        for each in mine:
            same = (each.provider, each.scopes) == (provider, scopes)
            if same and each.expires - now > LIFETIME / 2:
                return each
        if len(mine) >= self._most_of_one:
            wait = max(1, int(mine[0].expires - now) + 1)
            mend = "Let the user answer what is open: each question ends after ten minutes."
            raise RateLimited("the principal has too many open consent sessions", mend=mend, retry_after=wait)
        session = Session(
            id=base64url_encode(self._random(32)).decode(),
            principal=principal,
            provider=provider,
            scopes=scopes,
            origin=origin,
            expires=now + LIFETIME,
        )
        key = _digest(session.id)
        self._held[key] = self._of.setdefault(principal.id, {})[key] = session
        return session

    def find(self, id: str) -> Session | None:  # noqa: A002 - the session's own word
        """The session that *id* names, as long as something can be said of it."""
        session = self._held.get(_digest(id))
        if session is None:
            return None
        now = self._clock()
        if session.status is Status.PENDING and now >= session.expires:
            session.status = Status.EXPIRED
        return session if now < session.expires + REMEMBERED else None

    def pending(self, session: Session) -> bool:
        """Whether its user may still answer."""
        return self._open(session, self._clock())

    def status(self, principal: Principal, id: str) -> Status:  # noqa: A002 - the session's own word
        """What came of it; of one that isn't *principal*'s no more is told than of one that there never was."""
        session = self.find(id)
        return session.status if session is not None and session.principal.id == principal.id else Status.EXPIRED

    def drop(self, doomed: Callable[[Session], bool]) -> list[Session]:
        """End those that are *doomed*; return them."""
        gone = [(key, session) for key, session in self._held.items() if doomed(session)]
        for key, _ in gone:
            self._remove(key)
        return [session for _, session in gone]

    def __len__(self) -> int:
        return len(self._held)

    def _open(self, session: Session, now: float) -> bool:
        return session.status is Status.PENDING and now < session.expires

    def _forget(self, now: float) -> None:
        """What is over goes; where there is no room, the oldest too."""
        while self._held:
            key, oldest = next(iter(self._held.items()))
            if now < oldest.expires + REMEMBERED and len(self._held) < self._most:
                return
            self._remove(key)

    def _remove(self, key: bytes) -> None:
        session = self._held.pop(key)
        mine = self._of[session.principal.id]
        del mine[key]
        if not mine:
            del self._of[session.principal.id]


def _digest(id: str) -> bytes:  # noqa: A002 - the session's own word
    return hashlib.sha256(id.encode("utf-8", "surrogateescape")).digest()
