"""Where one issuer's keys come from, and how fresh they are.

A source has one fetcher, ``keep``, and any number of callers that want a key. A caller never fetches: it says that it
wants a newer set and waits for the end of the next fetch, so that many callers are one fetch, and a caller that goes
away takes nothing with it.

For a ``kid`` that is not in the set, a fetch that began after the question is the answer, and a set that has changed
shows that the question was a good one. What strangers ask may cost an issuer at most ``MOST_FETCHES`` in any ``WINDOW``
of unknown names, nor more of them within ``COOL_SECONDS``. Where that is used up, the next refresh is brought forward
instead, to ``LEAST_SECONDS`` after the last one: a rotation that hides in a flood of unknown names is found then.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from sidecar.errors import IssuerUnreachable, SignatureInvalid
from sidecar.identity.issuer import Issuer
from sidecar.identity.key import MOST_KID, Key
from sidecar.keyring import jwks
from sidecar.keyring.jwks import Keys, Unfit
from sidecar.wire.http import Fetch, Request, Response, Unreachable

log = logging.getLogger("sidecar")

WINDOW, MOST_FETCHES, COOL_SECONDS = 200, 2, 10.0
LEAST_SECONDS = 60.0
"""Between two refreshes that went well."""
FIRST_KEYS_SECONDS = 0.7
"""How long a caller waits where there are no keys at all."""
NEW_KEY_SECONDS = 5.0
"""How long a caller waits for a key that is not in the set."""
MOST_ABSENT, ABSENT_SECONDS = 1000, 10.0
"""How many names that were not in the newest set are remembered, and for how long: an issuer may be late to publish."""
_STEP_SECONDS = 30.0
"""The longest sleep in one piece: a machine that was suspended is late by no more."""


@dataclass(frozen=True, slots=True)
class State:
    """What is known of one issuer's keys."""

    keys: int
    """How many usable keys are held."""
    age: float | None
    """Seconds since they were fetched; ``None``: never."""
    failure: str | None
    """Why the last fetch failed, if it did."""
    skipped: tuple[str, ...] = ()
    """Why keys of the set are not used."""


class Source:
    def __init__(
        self,
        issuer: Issuer,
        fetch: Fetch,
        *,
        clock: Callable[[], float],
        refresh: float,
        max_stale: float,
        changed: Callable[[Issuer], None],
    ) -> None:
        self.issuer, self._fetch, self._clock, self.changed = issuer, fetch, clock, changed
        self._refresh, self._max_stale = refresh, max_stale
        self._keys: Keys | None = None
        self._discovered: str | None = None
        self._fetched = self._tried = 0.0
        self._due = float("-inf")
        self._failures = 0
        self._failure: str | None = None
        self._fetching = False
        self._wanted = asyncio.Event()
        self._ended = asyncio.Event()
        self._absent: dict[str, float] = {}
        self._unknown = 0
        self._spent: deque[tuple[int, float]] = deque(maxlen=MOST_FETCHES)

    def key(self, header: Mapping[str, Any]) -> Key | None:
        """The one key that fits a token's header, if it is held and not too old."""
        held = self._held()
        return held.fit(header.get("kid"), header["alg"]) if held else None

    def state(self) -> State:
        age = self._clock() - self._fetched if self._keys else None
        return State(
            len(self._keys.keys) if self._keys else 0, age, self._failure, self._keys.skipped if self._keys else ()
        )

    async def find(self, header: Mapping[str, Any]) -> Key:
        """As ``key``, from a newer set if need be. Raise ``SignatureInvalid`` or ``IssuerUnreachable``."""
        if self._held() is None:
            await self._first()
        key = self.key(header)
        if key is None:
            await self._newer(header)
            key = self.key(header)
        if key is not None:
            return key
        if self._failure is not None and not self._knows(header):
            raise self._unreachable()
        raise SignatureInvalid("no key of the issuer's set fits the token's kid and alg")

    async def keep(self) -> None:
        """Fetch at once, then whenever a refresh is due or wanted, until cancelled."""
        while True:
            if self._failure is not None or self._clock() >= self._due:
                self._discovered = None  # it may have moved; for a mere question it is not asked again
            await self.fetch()
            await self._rest()

    async def fetch(self) -> None:
        """Fetch the set now; a failure is kept in ``state``, and never replaces a good set.

        A fetch that is cancelled has no end: who waits is answered by the fetcher that a reload puts in its place.
        """
        self._wanted.clear()
        self._fetching, self._tried = True, self._clock()
        try:
            keys, seconds = await self._set()
        except (Unreachable, Unfit) as error:
            self._failed(str(error))
        else:
            self._replace(keys, seconds)
        finally:
            self._fetching = False
        self._ended.set()
        self._ended = asyncio.Event()

    # The set

    def _held(self) -> Keys | None:
        fresh = self._keys is not None and self._clock() - self._fetched <= self._max_stale
        return self._keys if fresh else None

    async def _set(self) -> tuple[Keys, float]:
        """The published set, and for how many seconds it is said to be fresh."""
        url = self.issuer.jwks_url or self._discovered or await self._discover()
        answer = await self._get(url, "key set")
        keys = jwks.keys(answer.body)
        self._discovered = url
        return keys, _fresh(answer.headers.get("cache-control", ""))

    async def _discover(self) -> str:
        if self.issuer.discovery_url is None:
            raise Unfit("the issuer has neither jwks_url nor a discovery document")
        answer = await self._get(self.issuer.discovery_url, "discovery document")
        return jwks.jwks_uri(answer.body, self.issuer)

    async def _get(self, url: str, what: str) -> Response:
        answer = await self._fetch(Request(url, most=jwks.MOST_BYTES))
        if answer.status != HTTPStatus.OK:
            raise Unfit(f"the {what} was answered with status {answer.status}")
        return answer

    def _replace(self, keys: Keys, seconds: float) -> None:
        before, self._keys = self._keys, keys
        if self._failure is not None:
            log.info("the keys of %s are fetched again", self.issuer.name)
        self._failure, self._failures = None, 0
        self._fetched = self._clock()
        least = min(LEAST_SECONDS, self._refresh)
        self._due = self._fetched + max(least, min(self._refresh, seconds))
        if before is None or not keys.keys <= before.keys:
            self._spent.clear()
        if before is not None and not before.keys <= keys.keys:
            self.changed(self.issuer)

    def _failed(self, why: str) -> None:
        if self._failure is None:  # once, until it works again: what it is now, `sidecar status` says
            held = "those that are held go on" if self._keys is not None else "its callers are refused until they are"
            log.warning("the keys of %s can't be fetched: %s; %s", self.issuer.name, why, held)
        self._failure = why
        self._due = self._clock() + min(2.0**self._failures, LEAST_SECONDS, self._refresh)
        self._failures = min(self._failures + 1, 10)

    async def _rest(self) -> None:
        while not self._wanted.is_set() and (left := self._due - self._clock()) > 0:
            try:
                async with asyncio.timeout(min(left, _STEP_SECONDS)):
                    await self._wanted.wait()
            except TimeoutError:
                continue

    # Questions

    async def _first(self) -> None:
        """Wait for the end of a fetch where there are no keys, asking for one unless the last was a moment ago."""
        if not self._fetching and not self._wanted.is_set():
            if self._failure is not None and 0 <= self._clock() - self._tried < 1.0:
                raise self._unreachable()
            self._wanted.set()
        await self._end(FIRST_KEYS_SECONDS)
        if self._held() is None:
            raise self._unreachable()

    async def _newer(self, header: Mapping[str, Any]) -> None:
        """Wait for a set that was fetched after this question, if one may be fetched for it."""
        kid = header.get("kid")
        if self._knows(header):
            return
        if kid is not None and (len(kid) > MOST_KID or self._absent.get(kid, 0.0) > self._clock()):
            raise SignatureInvalid("the token's kid is not in the issuer's set")
        self._unknown += 1
        if self._fetching:
            await self._end(NEW_KEY_SECONDS)
            if self.key(header) is not None:
                return
        if not self._fetching and not self._wanted.is_set():
            self._spend()
        await self._end(NEW_KEY_SECONDS)
        if kid is not None and self._failure is None and not self._knows(header):
            self._miss(kid)

    def _knows(self, header: Mapping[str, Any]) -> bool:
        return self._keys is not None and self._keys.knows(header.get("kid"), header["alg"])

    def _miss(self, kid: str) -> None:
        if len(self._absent) >= MOST_ABSENT:
            del self._absent[next(iter(self._absent))]
        self._absent[kid] = self._clock() + ABSENT_SECONDS

    def _spend(self) -> None:
        """Ask for a fetch, if the questions so far have left one."""
        now = self._clock()
        if len(self._spent) == MOST_FETCHES:
            asked, at = self._spent[0]
            if self._unknown - asked < WINDOW or 0 <= now - at < COOL_SECONDS:
                self._due = min(self._due, self._fetched + LEAST_SECONDS)
                raise SignatureInvalid("the token's kid is not in the issuer's set, which was asked for often enough")
        self._spent.append((self._unknown, now))
        self._wanted.set()

    async def _end(self, seconds: float) -> None:
        """Wait for the end of the fetch that runs, or else of the next."""
        try:
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        except TimeoutError:
            raise self._unreachable() from None

    def _unreachable(self) -> IssuerUnreachable:
        return IssuerUnreachable(
            f"the keys of {self.issuer.name} could not be fetched: {self._failure or 'no answer yet'}",
            retry_after=max(1, round(self._due - self._clock())) if self._failure else 1,
        )


def _fresh(cache_control: str) -> float:
    """Seconds by ``max-age`` (RFC 9111, 5.2.2.1); without one the set is refreshed by our own rule alone."""
    for directive in cache_control.lower().split(","):
        name, _, value = directive.strip().partition("=")
        if name == "max-age" and value.isdecimal():
            return float(value[:9])
    return float("inf")
