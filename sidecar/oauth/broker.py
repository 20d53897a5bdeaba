"""What a user has granted, as credentials for calls: the grant with the fewest scopes that are enough, its token
renewed ahead of its end, once for all who wait; or the question to the user, where there is no such grant.

A token is held in memory per user and set of scopes. Who finds none there looks into the vault: a token that another
sidecar has renewed is taken from it. So a token is renewed only where the vault has none that is good, or none but the
very one that won't do any more.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sidecar.errors import (
    ConsentRequired,
    GrantDead,
    InteractionRequired,
    NotPermitted,
    ProviderUnreachable,
    VaultUnavailable,
)
from sidecar.identity.principal import Kind, Principal
from sidecar.oauth.catalog.entry import Entry
from sidecar.oauth.catalog.scopes import apart, missing, named
from sidecar.oauth.credential import Ask, Credential
from sidecar.oauth.kept import Held, Kept, held
from sidecar.oauth.provider import Provider
from sidecar.oauth.renewal import Renewal
from sidecar.oauth.surroundings import Surroundings
from sidecar.vault.grant import At, Grant, Owner
from sidecar.vault.refresh import Removed
from sidecar.vault.vault import Vault

log = logging.getLogger(__name__)

MOST_KEPT = 4096
"""Tokens of one provider in memory."""
ASSUMED_SECONDS = 900.0
"""How long a token that can be renewed is used at most where the provider doesn't say how long it lives."""
SPARE_SECONDS = 5.0
"""A token of the vault's that ends sooner is renewed first."""
USED_SECONDS = 60.0
"""How often it is noted that a grant is used."""
_TRIES = 8

_Key = tuple[Owner, frozenset[str]]


class Consents(Protocol):
    """How a user is asked (``consent.asking``)."""

    def begin(
        self,
        principal: Principal,
        provider: Provider,
        scopes: frozenset[str],
        invocation: bytes,
        trace_id: bytes,
        span_id: bytes,
    ) -> tuple[str, str]:
        """The URL that *principal* has to open so as to grant *scopes* (in the provider's form), and the session's id;
        the rest says for which call. Raise ``NotPermitted`` where no consent is possible, or another ``Refusal``."""


@dataclass(slots=True)
class _Vended:
    credential: Credential
    grant: Grant
    noted: float
    """When its use was noted, epoch seconds."""


@dataclass(frozen=True, slots=True)
class _Missing:
    """There is nothing that is enough."""

    scopes: frozenset[str]
    """What has to be granted, in the provider's form."""
    why: str


class Broker:
    """Of one provider."""

    def __init__(
        self,
        provider: Provider,
        surroundings: Surroundings,
        *,
        vault: Vault,
        namespace: str,
        consents: Consents | None,
        dead: Callable[[Provider, Ask, frozenset[str], str], None],
    ) -> None:
        """*namespace* is ``vault.namespace``; *consents*: ``None`` where users can't be asked. *dead* is told of a
        grant that the provider honours no more, and why, before anybody else is; it may raise a ``Refusal``."""
        self._provider, self._surroundings = provider, surroundings
        self._vault, self._namespace, self._consents, self._dead = vault, namespace, consents, dead
        self._renewal = Renewal(provider, surroundings)
        self._clock = surroundings.clock
        self._tokens: Kept[_Key, _Vended | _Missing] = Kept(
            provider.name,
            clock=surroundings.clock,
            tasks=surroundings.tasks,
            seconds=surroundings.seconds,
            most=MOST_KEPT,
        )

    def ready(self, ask: Ask) -> Credential | None:
        """What is held. Raise ``NotPermitted``."""
        principal = self._user(ask)
        if ask.force:
            return None
        key = Owner.of_principal(principal), ask.scopes
        found = self._tokens.ready(key, lambda: self._get(ask, key))
        return self._used(found) if isinstance(found, _Vended) else None

    async def credential(self, ask: Ask) -> Credential:
        """Raise ``ConsentRequired`` where the user has to be asked first, or another ``Refusal``."""
        principal = self._user(ask)
        key = Owner.of_principal(principal), ask.scopes
        found = await self._tokens.obtain(key, lambda: self._get(ask, key), force=ask.force)
        if isinstance(found, _Vended):
            return self._used(found)
        if self._consents is None:
            mend = "Set consent.public_url: without it users can't be asked."
            raise NotPermitted(f"{self._provider.name}: {found.why}, and users can't be asked", mend=mend)
        url, session = self._consents.begin(
            principal, self._provider, found.scopes, ask.invocation, ask.trace_id, ask.span_id
        )
        raise ConsentRequired.at(url, session, f"{self._provider.name}: {found.why}")

    def drop(self, owner: Owner) -> None:
        """What is held of *owner* is no longer what they granted."""
        self._tokens.drop(lambda key: key[0] == owner)

    def close(self) -> None:
        self._tokens.close()

    def _user(self, ask: Ask) -> Principal:
        """Raise ``NotPermitted``."""
        name, principal = self._provider.name, ask.principal
        if principal is None or self._provider.acts_as != "principal":
            mend = "Send the invocation's handle: it is its user who agrees."
            raise NotPermitted(f"{name}: no user is behind the call", mend=mend)
        if principal.kind is not Kind.USER:
            mend = "Use a provider whose credential is the agent's: only users can agree to anything."
            raise NotPermitted(f"{name}: a {principal.kind.value} can't be asked", mend=mend)
        return principal

    # what there is

    async def _get(self, ask: Ask, key: _Key) -> "Held[_Vended | _Missing]":
        """The token that is enough, renewed if need be; or what is missing, which is over as soon as it is told."""
        entry = await self._renewal.entry()
        wanted = named(entry, ask.scopes)
        try:
            return await self._found(ask, key, entry, wanted)
        except GrantDead as refusal:
            return self._missing(wanted, refusal.reason)
        except InteractionRequired as refusal:
            return self._still(key, ask) or self._missing(wanted, refusal.reason)
        except Removed as removed:
            if removed.renewed is not None:
                await self._renewal.give_back(removed.renewed)
            return self._missing(wanted, "the grant was given back")

    async def _found(self, ask: Ask, key: _Key, entry: Entry, wanted: frozenset[str]) -> "Held[_Vended | _Missing]":
        at = At(entry.server, self._provider.client_id or "", self._namespace)
        grants = await self._vault.find(key[0], at)
        enough = [grant for grant in grants if not entry.scoped or not missing(entry, wanted, grant.place.scopes)]
        last, now = self._last(key), self._clock()
        before = None if last is None or (last.grant.refresh_token is None and not ask.force) else last.credential
        alive = [grant for grant in enough if grant.alive and not _over(grant, before, now)]
        if not alive:
            return self._missing(wanted, _why(enough, grants))
        grant = alive[0]
        part = _part(entry, wanted, grant)
        if part is not None or not _good(grant, before, now):
            grant = await self._renewed(ask, entry, grant, part or frozenset())
        if not grant.alive:
            return self._missing(wanted, grant.dead)
        return self._vended(grant, part)

    async def _renewed(self, ask: Ask, entry: Entry, grant: Grant, part: frozenset[str]) -> Grant:
        """*grant* with a token that is good now. Raise ``GrantDead``, ``Removed`` or another ``Refusal``."""
        provider, ours = self._provider, False

        async def renew(current: Grant) -> Grant:
            nonlocal ours
            ours = True
            try:
                return await self._renewal.renewed(entry, current, part)
            except GrantDead as refusal:
                self._dead(provider, ask, current.place.scopes, refusal.reason)
                raise

        for _ in range(_TRIES):
            grant = await self._vault.refresh(grant, renew)
            if ours or grant.dead or not part:
                break  # where a token is for one resource alone, another's may be for another one
        else:
            mend = "Send the request again: tokens of that grant are asked for too often."
            raise ProviderUnreachable(f"{provider.name}: others are always first", mend=mend, retry_after=1)
        if ours:  # what was renewed is durable by now: a record that can't be written costs no grant
            self._surroundings.refreshed(provider, ask, part or grant.place.scopes)
        return grant

    def _vended(self, grant: Grant, part: frozenset[str] | None) -> "Held[_Vended | _Missing]":
        token, now = grant.access_token, self._clock()
        if token is None:
            raise ValueError("a grant that is alive has a token")
        credential = Credential(
            token,
            lines=f"Authorization: Bearer {token.reveal()}\r\n".encode(),
            token_type=grant.token_type,
            expires=grant.expires,
            scopes=grant.place.scopes if part is None else part,
        )
        life = max(grant.expires - now, 0.0) if grant.expires is not None else None
        if life is None and grant.refresh_token is not None:
            life = ASSUMED_SECONDS
        return held(_Vended(credential, grant, float("-inf")), now, life)

    def _last(self, key: _Key) -> _Vended | None:
        last = self._tokens.last(key)
        return last if isinstance(last, _Vended) else None

    def _still(self, key: _Key, ask: Ask) -> "Held[_Vended | _Missing] | None":
        """What was held, as long as it is good: it isn't given up before its end because the next one isn't had."""
        last, now = self._last(key), self._clock()
        if last is None or ask.force or last.grant.expires is None or last.grant.expires - now <= SPARE_SECONDS:
            return None
        return held(last, now, last.grant.expires - now)

    def _missing(self, scopes: frozenset[str], why: str) -> "Held[_Vended | _Missing]":
        return Held(_Missing(scopes, why), float("-inf"), float("-inf"))

    # that it is used

    def _used(self, vended: _Vended) -> Credential:
        now = self._clock()
        if now - vended.noted >= USED_SECONDS:
            vended.noted = now
            self._surroundings.tasks.create_task(self._note(vended.grant))
        return vended.credential

    async def _note(self, grant: Grant) -> None:
        try:
            await self._vault.used(grant, self._surroundings.agent)
        except VaultUnavailable:
            log.debug("that a grant is used could not be noted: the vault is away")


def _good(grant: Grant, before: Credential | None, now: float) -> bool:
    """Whether its token will do: not if it is the one that was held *before* and doesn't any more."""
    token = grant.access_token
    if token is None or (before is not None and before.token == token):
        return False
    return grant.expires is None or grant.expires - now > SPARE_SECONDS


def _over(grant: Grant, before: Credential | None, now: float) -> bool:
    """Whether it has no good token, and nothing to get one with."""
    return grant.refresh_token is None and not _good(grant, before, now)


def _part(entry: Entry, wanted: frozenset[str], grant: Grant) -> frozenset[str] | None:
    """Where a token is for one resource alone and the grant is for several: those scopes of *grant* that the token has
    to have. ``None``: any token of the grant will do. Raise ``NotPermitted`` where no token could have all."""
    parts = apart(entry, grant.place.scopes)
    if len(parts) <= 1:
        return None
    asked = apart(entry, wanted)
    if len(asked) > 1:
        mend = "Ask for the scopes of one resource at a time: the provider has no token that is good for several."
        raise NotPermitted("scopes of several resources at once", mend=mend)
    fitting = [part for part in parts if not missing(entry, asked[0], part)]
    return fitting[0] if fitting else asked[0]


def _why(enough: Sequence[Grant], grants: Sequence[Grant]) -> str:
    if enough:
        return enough[0].dead or "its token is over, and there is nothing to renew it with"
    if grants:
        return "the user has granted less than that"
    return "the user has granted nothing yet"
