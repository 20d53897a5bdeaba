"""The source of a provider ``type: aws``: signatures for the agent's calls, and keys that the agent may have itself.

| ``source`` | the agent's own identity | a principal's session |
| --- | --- | --- |
| ``web_identity`` | the role, by AssumeRoleWithWebIdentity | the same, under a name of its own |
| the same with ``session_tags`` | the same | the role, by AssumeRole from the agent's own: only that takes tags |
| ``assume_role`` | the role, by AssumeRole from what is ambient | the same, under a name, and tags, of its own |
| ``ambient`` | what is ambient | none: there is no role to assume |

Without ``source`` it is ``web_identity`` where ``AWS_WEB_IDENTITY_TOKEN_FILE`` is set, else ``assume_role``.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from sidecar.aws import profile, session
from sidecar.aws.ambient import Ambient
from sidecar.aws.keys import Keys
from sidecar.aws.session import AGENT, Behind, behind
from sidecar.aws.signing import Signature, load
from sidecar.aws.token_service import TokenService
from sidecar.errors import ProviderRefused
from sidecar.oauth.credential import Ask
from sidecar.oauth.kept import Held, Kept, held
from sidecar.oauth.provider import Provider
from sidecar.oauth.surroundings import Surroundings

MOST_SESSIONS = 4096
"""How many principals' sessions are held; those asked for longest ago go first."""
AT_ONCE = 16
"""How many are got at the same time."""
LEND_SECONDS = 1200.0
"""How long keys that are handed out are good, where they can be had so: of 15 minutes and less, AWS's SDKs ask anew
with each call."""
_LEAST_SECONDS = 30.0
_AGENTS = Ask(None)


class Aws:
    """A ``Source``."""

    fills = frozenset({b"authorization", b"x-amz-date", b"x-amz-security-token"})
    parameter = b""

    def __init__(self, provider: Provider, surroundings: Surroundings, environ: Mapping[str, str]) -> None:
        """*environ* is the sidecar's own environment."""
        self._provider, self._surroundings, self._environ = provider, surroundings, environ
        by_token = environ.get("AWS_WEB_IDENTITY_TOKEN_FILE")
        self._kind = provider.source or ("web_identity" if by_token else "assume_role")
        self._service = TokenService(self._region, environ=environ, fetch=surroundings.fetch, clock=surroundings.clock)
        self._ambient = Ambient(
            environ,
            surroundings.fetch,
            with_web_identity=self._service.with_web_identity,
            profile=profile.found,
            session=self._name(AGENT),
        )
        self._base: Kept[None, Keys] = _kept(provider, surroundings)
        self._sessions: Kept[Behind, Keys] = _kept(provider, surroundings)
        self._lent: Kept[None, Keys] = _kept(provider, surroundings)
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._loaded = False

    def ready(self, ask: Ask) -> Signature | None:
        if ask.force or not self._loaded:
            return None
        keys = self._sessions.ready(self._who(ask), lambda: self._session(ask))
        return self._signature(keys) if keys is not None else None

    async def obtain(self, ask: Ask) -> Signature:
        who = self._who(ask)
        keys = await self._sessions.obtain(who, lambda: self._session(ask), force=ask.force, by=who)
        if not self._loaded:
            await asyncio.to_thread(load)
            self._loaded = True
        return self._signature(keys)

    async def lend(self, ask: Ask = _AGENTS) -> Keys:
        """The keys of the agent's own identity, to be handed out. Raise a ``Refusal``."""
        return await self._lent.obtain(None, lambda: self._lending(ask))

    def forget(self, meant: Callable[[str], bool]) -> int:
        return self._sessions.drop(lambda who: bool(who.principal) and meant(who.principal))

    def close(self) -> None:
        for kept in (self._sessions, self._base, self._lent):
            kept.close()

    def _signature(self, keys: Keys) -> Signature:
        provider = self._provider
        return Signature(keys, region=provider.region, service=provider.service, clock=self._surroundings.clock)

    def _who(self, ask: Ask) -> Behind:
        return AGENT if self._kind == "ambient" else behind(ask)

    # Where keys come from

    async def _session(self, ask: Ask) -> Held[Keys]:
        who = self._who(ask)
        async with self._at_once:
            keys = await self._keys(who)
        self._surroundings.refreshed(self._provider, ask, frozenset())
        return self._held(keys)

    async def _lending(self, ask: Ask) -> Held[Keys]:
        """Of the agent itself, as young as can be."""
        keys = await (self._keys(AGENT) if self._kind == "assume_role" else self._outside())
        self._surroundings.refreshed(self._provider, ask, frozenset())
        now = self._surroundings.clock()
        until = max(now + _LEAST_SECONDS, self._held(keys).until - LEND_SECONDS)
        return Held(keys, until, until)

    async def _keys(self, who: Behind) -> Keys:
        by_token = self._kind == "web_identity"
        if by_token and who is not AGENT and not self._provider.session_tags:
            return await self._by_token(who)
        own = await self._base.obtain(None, self._own)
        if self._kind == "ambient" or (by_token and who is AGENT):
            return own
        tags = session.tags(who, self._surroundings.agent) if self._provider.session_tags else {}
        return await self._service.with_keys(self._role(), self._name(who), tags, own)

    async def _own(self) -> Held[Keys]:
        return self._held(await self._outside())

    async def _outside(self) -> Keys:
        """What the sidecar is at AWS before it assumes anything by its keys."""
        return await (self._by_token(AGENT) if self._kind == "web_identity" else self._ambient.keys())

    async def _by_token(self, who: Behind) -> Keys:
        token = await self._ambient.web_identity()
        return await self._service.with_web_identity(self._role(), self._name(who), token)

    def _held(self, keys: Keys) -> Held[Keys]:
        """Raise ``ProviderRefused`` for keys that are over."""
        now = self._surroundings.clock()
        if not keys.last(now, 0.0):
            raise ProviderRefused(
                f"{self._provider.name}: the keys that were lent are over",
                mend="Check the sidecar's clock, and whatever lends it its keys.",
            )
        return held(keys, now, None if keys.expires is None else keys.expires - now)

    # What the configuration says

    def _name(self, who: Behind) -> str:
        return session.name(who, self._surroundings.agent)

    def _role(self) -> str:
        if self._provider.role_arn is None:
            raise ProviderRefused(f"{self._provider.name}: no role is set", mend="Set role_arn, or source: ambient.")
        return self._provider.role_arn

    def _region(self) -> str:
        environ = self._environ
        region = self._provider.region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
        if not region:
            name = self._provider.name
            mend = f"Set providers.{name}.region, or AWS_REGION in the sidecar's environment."
            raise ProviderRefused(f"{name}: no region is set", mend=mend)
        return region


def _kept(provider: Provider, surroundings: Surroundings) -> Kept[Any, Keys]:
    return Kept(
        provider.name,
        clock=surroundings.clock,
        tasks=surroundings.tasks,
        seconds=surroundings.seconds,
        most=MOST_SESSIONS,
    )
