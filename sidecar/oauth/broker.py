"""What a user has granted, as credentials for calls: the grant with the fewest scopes that are enough, its token
renewed ahead of its end, once for all who wait; or the question to the user, where there is no such grant.

A token is held in memory per user and set of scopes. Who finds none there looks into the vault: a token that another
sidecar has renewed is taken from it. So a token is renewed only where the vault has none that is good, or none but the
very one that won't do any more.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from sidecar.errors import (
    ConsentRequired,
    GrantDead,
    InteractionRequired,
    NotPermitted,
    ProviderUnreachable,
    VaultUnavailable,
)
from sidecar.identity.principal import Kind, Principal
from sidecar.oauth import choice
from sidecar.oauth.catalog.entry import Entry
from sidecar.oauth.catalog.scopes import named
from sidecar.oauth.credential import Ask, Credential
from sidecar.oauth.kept import Held, Kept, held
from sidecar.oauth.provider import Provider
from sidecar.oauth.renewal import Renewal
from sidecar.oauth.surroundings import Surroundings
from sidecar.vault.grant import At, Grant, Owner, Place
from sidecar.vault.refresh import Removed
from sidecar.vault.vault import Vault

log = logging.getLogger(__name__)

MOST_KEPT = 4096
"""Tokens of one provider in memory."""
ASSUMED_SECONDS = 900.0
"""How long a token that can be renewed is used at most where the provider doesn't say how long it lives."""
SHARED_SECONDS = 0.9
"""How long it is believed that other sidecars, who share the vault, have taken nothing away."""
USED_SECONDS = 60.0
"""How often it is noted that a grant is used."""
_TRIES = 8

_Key = tuple[Owner, frozenset[str]]
_Alive = frozenset[tuple[Place, float]]


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
        shared: bool,
        consents: Consents | None,
        dead: Callable[[Provider, Ask, frozenset[str], str], None],
    ) -> None:
        """*namespace* is ``vault.namespace``; *shared*: other sidecars have the same vault. *consents*: ``None`` where
        users can't be asked. *dead* is told of a grant that the provider honours no more, and why, before anybody else
        is; it may raise a ``Refusal``."""
        self._provider, self._surroundings = provider, surroundings
        self._vault, self._namespace, self._consents, self._dead = vault, namespace, consents, dead
        self._renewal = Renewal(provider, surroundings)
        self._clock = surroundings.clock
        self._alive: Kept[Owner, _Alive] | None = self._kept() if shared else None
        self._tokens: Kept[_Key, _Vended | _Missing] = self._kept()

    def _kept(self) -> Kept[Any, Any]:
        world = self._surroundings
        return Kept(self._provider.name, clock=world.clock, tasks=world.tasks, seconds=world.seconds, most=MOST_KEPT)

    def ready(self, ask: Ask) -> Credential | None:
        """What is held. Raise ``NotPermitted``."""
        principal = self._user(ask)
        if ask.force:
            return None
        key = Owner.of_principal(principal), ask.scopes
        found = self._tokens.ready(key, lambda: self._get(ask, key))
        if not isinstance(found, _Vended):
            return None
        if self._alive is not None:
            alive = self._alive.ready(key[0], lambda: self._look(key[0]))
            if alive is None or _identity(found.grant) not in alive:
                return None
        return self._used(found)

    async def credential(self, ask: Ask) -> Credential:
        """Raise ``ConsentRequired`` where the user has to be asked first, or another ``Refusal``."""
        principal = self._user(ask)
        key = Owner.of_principal(principal), ask.scopes
        if self._alive is not None:
            await self._drop_gone(key)
        found = await self._tokens.obtain(key, lambda: self._get(ask, key), force=ask.force, by=key[0])
        if isinstance(found, _Vended):
            return self._used(found)
        if self._consents is None:
            mend = "Set consent.public_url: without it users can't be asked."
            raise NotPermitted(f"{self._provider.name}: {found.why}, and users can't be asked", mend=mend)
        url, session = self._consents.begin(
            principal, self._provider, found.scopes, ask.invocation, ask.trace_id, ask.span_id
        )
        raise ConsentRequired.at(url, session, f"{self._provider.name}: {found.why}")

    async def at(self) -> At:
        """Where its grants are given. Raise a ``Refusal``."""
        entry = await self._renewal.entry()
        return At(entry.server, self._provider.client_id or "", self._namespace)

    async def keep_alive(self, grant: Grant, due: Callable[[Entry, Grant], bool]) -> bool:
        """Renew *grant*, if it is *due*, though nobody has asked for it: whether it was. Raise as ``Vault.refresh``
        does."""
        entry = await self._renewal.entry()
        if not due(entry, grant):
            return False
        try:
            await self._renewed(Ask(None), entry, grant, frozenset())
        except Removed as removed:
            await self._given_back(removed)
            return False
        return True

    async def _given_back(self, removed: Removed) -> None:
        """What was renewed while its grant was given back is given back, too."""
        if removed.renewed is not None:
            await self._renewal.give_back(removed.renewed)

    def drop(self, owner: Owner) -> None:
        """What is held of *owner* is no longer what they granted."""
        self.forget(lambda each: each == owner)

    def forget(self, meant: Callable[[Owner], bool]) -> int:
        """Drop what is held of owners that are *meant*; return how many tokens."""
        return self._tokens.drop(lambda key: meant(key[0]))

    def close(self) -> None:
        self._tokens.close()
        if self._alive is not None:
            self._alive.close()

    # what another sidecar took away

    async def _drop_gone(self, key: _Key) -> None:
        """Forget what is held, unless the vault still has its grant. While the vault is away it is used to its end."""
        last = self._last(key)
        if last is None or self._alive is None:
            return
        try:
            alive = await self._alive.obtain(key[0], lambda: self._look(key[0]))
        except VaultUnavailable:
            return
        if _identity(last.grant) not in alive:
            self._tokens.drop(lambda each: each == key)

    async def _look(self, owner: Owner) -> "Held[_Alive]":
        found = frozenset(_identity(grant) for grant in await self._vault.of(owner) if grant.alive)
        return Held(found, float("inf"), self._clock() + SHARED_SECONDS)

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
            await self._given_back(removed)
            return self._missing(wanted, "the grant was given back")

    async def _found(self, ask: Ask, key: _Key, entry: Entry, wanted: frozenset[str]) -> "Held[_Vended | _Missing]":
        grants = await self._vault.find(key[0], await self.at())
        enough = choice.enough(entry, grants, wanted)
        last, now = self._last(key), self._clock()
        renews = last is not None and (last.grant.refresh_token is not None or ask.force)
        before = last.credential.token if last is not None and renews else None
        grant = choice.chosen(enough, before, now)
        if grant is None:
            return self._missing(wanted, choice.why(enough, grants))
        part = choice.part(entry, wanted, grant)
        if part or not choice.good(grant, before, now):
            grant = await self._renewed(ask, entry, grant, part)
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

    def _vended(self, grant: Grant, part: frozenset[str]) -> "Held[_Vended | _Missing]":
        token, now = grant.access_token, self._clock()
        if token is None:
            raise ValueError("a grant that is alive has a token")
        credential = Credential(
            token,
            lines=f"Authorization: Bearer {token.reveal()}\r\n".encode(),
            token_type=grant.token_type,
            expires=grant.expires,
            scopes=part or grant.place.scopes,
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
        if last is None or ask.force or last.grant.expires is None or last.grant.expires - now <= choice.SPARE_SECONDS:
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


def _identity(grant: Grant) -> tuple[Place, float]:
    """What stays of it however often it is renewed; another one at its place has another."""
    return grant.place, grant.since
