"""What a browser was sent away with, and may come back with once: the ``state`` of an authorization request (RFC 6749,
section 10.12; RFC 9700, section 4.7), the code that an application completes consent with, a question about accounts.

Each is 256 random bits, kept as a digest, tied to the browser it was made for, to the step that is due next and to the
one issuer or provider that may answer it.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sidecar.consent.sessions import Session
from sidecar.secret import Secret
from sidecar.wire.strict import base64url_encode

LIFETIME = 600.0
"""Seconds."""


class Step(StrEnum):
    """What is due next."""

    LOGIN = "login"
    """The issuer sends the browser back."""
    PROVIDER = "provider"
    """The provider sends it back."""
    COMPLETE = "complete"
    """The application proves its user."""
    ACCOUNT = "account"
    """The user says whether another account than last time is meant."""


@dataclass(frozen=True, slots=True)
class Attempt:
    step: Step
    of: str
    """The issuer's or the provider's configured name."""
    browser: bytes
    """The digest of the browser's cookie."""
    session: Session | None = None
    """``None``: a sign-in for the accounts page."""
    return_url: str | None = None
    proved: bool = False
    """The browser's user is the session's principal."""
    verifier: Secret = field(default_factory=lambda: Secret(""))
    """PKCE's (RFC 7636)."""
    nonce: Secret = field(default_factory=lambda: Secret(""))
    """Of the ID token."""
    carried: Any = field(default=None, repr=False)
    """COMPLETE: the provider's code; ACCOUNT: what the provider granted."""


class Astray(Exception):
    """Nobody who comes with this is expected; the text says why, for the record."""


@dataclass(slots=True)
class _Held:
    attempt: Attempt
    dies: float


class Attempts:
    """``clock`` gives seconds of any clock that doesn't go backwards; ``random`` bytes that nobody can guess."""

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        random: Callable[[int], bytes],
        most: int = 20_000,
        most_of_one: int = 16,
        dropped: Callable[[Attempt], None] = lambda _attempt: None,
    ) -> None:
        """*most* of them are held for sessions, and as many sign-ins besides, which anybody may begin; *most_of_one* is
        for one session. *dropped* is told of each of a session to which nobody can come back any more."""
        self._clock, self._random = clock, random
        self._most, self._most_of_one, self._dropped = most, most_of_one, dropped
        self._of_sessions: dict[bytes, _Held] = {}
        self._sign_ins: dict[bytes, _Held] = {}
        self._keys: dict[Session, list[bytes]] = {}
        """Of each session, the oldest first."""

    def open(self, attempt: Attempt) -> str:
        """What the browser is to come back with."""
        now = self._clock()
        pool = self._sign_ins if attempt.session is None else self._of_sessions
        self._forget(pool, now)
        ends = now + LIFETIME if attempt.session is None else min(now + LIFETIME, attempt.session.expires)
        value = base64url_encode(self._random(32)).decode()
        key = _digest(value)
        pool[key] = _Held(attempt, ends)
        if attempt.session is not None:
            mine = self._keys.setdefault(attempt.session, [])
            mine.append(key)
            if len(mine) > self._most_of_one:
                self._drop(mine[0])
        return value

    def take(self, value: str, step: Step, of: str, browser: bytes | None) -> Attempt:
        """The attempt that *value* names, for the last time. *browser* is the digest of the cookie that came with it;
        for ``COMPLETE`` none is due. Raise ``Astray``.

        Who comes from another browser has found or stolen a link, and can't end what the right one has begun. In the
        right browser, an answer from another place than it was sent to (RFC 9700, section 4.4) ends it.
        """
        key = _digest(value)
        held = self._of_sessions.get(key) or self._sign_ins.get(key)
        if held is None or self._clock() >= held.dies:
            raise Astray("unknown, used before, or expired")
        attempt = held.attempt
        foreign = browser is None or not hmac.compare_digest(browser, attempt.browser)
        if foreign and attempt.step is not Step.COMPLETE:
            raise Astray("it was begun in another browser")
        if attempt.step is not step:
            self._drop(key)
            raise Astray(f"{attempt.step} was due, not {step}")
        if attempt.of != of:
            self._drop(key)
            raise Astray("another issuer or provider answers than was asked")
        self._remove(key)
        return attempt

    def look(self, value: str, step: Step, of: str, browser: bytes | None) -> Attempt | None:
        """What ``take`` would give; it can be taken still."""
        held = self._of_sessions.get(_digest(value))
        if held is None or browser is None or self._clock() >= held.dies:
            return None
        attempt = held.attempt
        fits = (attempt.step, attempt.of) == (step, of) and hmac.compare_digest(browser, attempt.browser)
        return attempt if fits else None

    def end(self, session: Session) -> None:
        """Nothing more is expected for *session*."""
        for key in tuple(self._keys.get(session, ())):
            self._drop(key)

    def clear(self) -> None:
        """Nothing is expected any more."""
        for pool in (self._of_sessions, self._sign_ins):
            for key in tuple(pool):
                self._drop(key)

    def sweep(self) -> None:
        """Drop what is over, though nobody comes: it may be that something has to be given back."""
        now = self._clock()
        for pool in (self._of_sessions, self._sign_ins):
            for key in [key for key, held in pool.items() if now >= held.dies]:
                self._drop(key)

    def __len__(self) -> int:
        return len(self._of_sessions) + len(self._sign_ins)

    def _forget(self, pool: dict[bytes, _Held], now: float) -> None:
        while pool:
            key, oldest = next(iter(pool.items()))
            if now < oldest.dies and len(pool) < self._most:
                return
            self._drop(key)

    def _drop(self, key: bytes) -> None:
        held = self._of_sessions.get(key)
        self._remove(key)
        if held is not None:
            self._dropped(held.attempt)

    def _remove(self, key: bytes) -> None:
        if self._sign_ins.pop(key, None) is not None:
            return
        session = self._of_sessions.pop(key).attempt.session
        if session is not None:
            mine = self._keys[session]
            mine.remove(key)
            if not mine:
                del self._keys[session]


def _digest(value: str) -> bytes:
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).digest()
