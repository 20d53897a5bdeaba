"""The consent pages: what stands through reloads, and what one configuration makes of it. Nothing of it is imported
before a user is asked, or a browser comes."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from sidecar.assembly.ground import Ground
from sidecar.assembly.house import House, changed_issuers
from sidecar.assembly.keeping import needed
from sidecar.identity.principal import Principal
from sidecar.oauth.provider import Provider, by_users
from sidecar.relay.fetch import fetcher, trust
from sidecar.settings import Settings
from sidecar.wire.trace import Tracer

if TYPE_CHECKING:
    from sidecar.consent.attempts import Attempt
    from sidecar.consent.sessions import Session
    from sidecar.consent.surroundings import Surroundings
    from sidecar.oauth.credential import Source
    from sidecar.oauth.surroundings import Surroundings as World
    from sidecar.vault.grant import Owner

_LAST_SECONDS = 2.0


class Consenting:
    """``oauth.broker.Consents``, and the application of the listener."""

    def __init__(
        self, ground: Ground, house: Callable[[], House], sources: "Callable[[], Mapping[str, Source]]"
    ) -> None:
        """*house* and *sources* are those of the configuration that is in force."""
        self._ground, self._house, self._sources = ground, house, sources
        self._made: tuple[House, Surroundings] | None = None
        self._giving_back: set[asyncio.Task[None]] = set()

    @property
    def asks(self) -> bool:
        """Whether users can be asked at all."""
        settings = self._house().settings
        return settings.consent.public_url is not None and needed(settings)

    def application(self) -> Any:
        from sidecar.consent.application import application

        return application(self.surroundings)

    def begin(
        self,
        principal: Principal,
        provider: Provider,
        scopes: frozenset[str],
        invocation: bytes,
        trace_id: bytes,
        span_id: bytes,
    ) -> tuple[str, str]:
        from sidecar.consent.asking import Asking

        return Asking(self.surroundings).begin(principal, provider, scopes, invocation, trace_id, span_id)

    def status(self, principal: Principal, session_id: str) -> str:
        """What came of a question, to *principal* alone."""
        from sidecar.consent.asking import Asking

        return Asking(self.surroundings).status(principal, session_id).value

    def surroundings(self) -> "Surroundings":
        """Of the configuration that is in force."""
        house = self._house()
        if self._made is None or self._made[0] is not house:
            before = self._made
            self._made = house, self._build(house, before[1] if before is not None else None)
            if before is not None:
                _leave(before[0].settings, house.settings, before[1])
        return self._made[1]

    def sweep(self) -> None:
        """Questions that nobody has answered in time are over."""
        if self._made is not None:
            self._made[1].attempts.sweep()

    def forget(self, meant: Callable[[str], bool]) -> int:
        """Sign out the principals whose id is *meant*, and ask them nothing more; return in how many browsers they were
        signed in."""
        if self._made is None:
            return 0
        around = self._made[1]
        _end(around, lambda session: meant(session.principal.id))
        return around.visitors.drop(lambda principal: meant(principal.id))

    async def close(self) -> None:
        """What nobody has decided about is given back, as far as that takes no time."""
        if self._made is None:
            return
        self._made[1].attempts.clear()
        if self._giving_back:
            await asyncio.wait(self._giving_back, timeout=_LAST_SECONDS)
        for task in self._giving_back:
            task.cancel()

    def _dropped(self, attempt: "Attempt") -> None:
        from sidecar.consent import ending

        task = self._ground.tasks.create_task(ending.undecided(self.surroundings(), attempt))
        self._giving_back.add(task)
        task.add_done_callback(self._giving_back.discard)

    def changed(self, owner: "Owner", provider: Provider) -> None:
        """What is held of *owner* isn't any more what they granted."""
        from sidecar.oauth.granted import Granted

        source = self._sources().get(provider.name)
        if isinstance(source, Granted):
            source.broker.drop(owner)

    def _build(self, house: House, before: "Surroundings | None") -> "Surroundings":
        from sidecar.consent.attempts import Attempts
        from sidecar.consent.frame import Place
        from sidecar.consent.keeping import Keeping
        from sidecar.consent.sessions import Sessions
        from sidecar.consent.surroundings import Surroundings
        from sidecar.consent.told import told
        from sidecar.consent.visitors import Visitors
        from sidecar.consent.wishes import Wishes

        settings, ground = house.settings, self._ground
        clock = ground.loop.time
        world = _world(settings, ground)
        providers = {name: provider for name, provider in settings.providers.items() if by_users(provider)}
        namespace = settings.vault.namespace or ""
        return Surroundings(
            place=Place((settings.consent.public_url or "").rstrip("/"), settings.agent.name),
            return_urls=frozenset(settings.consent.return_urls),
            issuers=settings.issuers,
            providers=providers,
            grants=Keeping(ground.keeping.vault(), world, providers, namespace=namespace, changed=self.changed),
            keys=house.keyring,
            verify=_verify(house),
            fetch=world.fetch,
            journal=ground.journal,
            subjects=ground.subjects.of,
            tracer=Tracer(ground.ids, settings.telemetry.sample),
            clock=time.time,
            random=os.urandom,
            sessions=before.sessions if before else Sessions(clock=clock, random=os.urandom),
            attempts=before.attempts if before else Attempts(clock=clock, random=os.urandom, dropped=self._dropped),
            visitors=before.visitors if before else Visitors(clock=clock, random=os.urandom),
            wishes=before.wishes if before else Wishes(),
            form_key=before.form_key if before else os.urandom(32),
            told=told(settings.capabilities.values()),
        )


def _world(settings: Settings, ground: Ground) -> "World":
    from sidecar.oauth.surroundings import Surroundings as World

    ca_file = settings.tls.ca_file
    tls = cache(lambda: trust(str(ca_file) if ca_file else None))
    return World(
        fetch=fetcher(tls=tls, resolve=settings.resolve),
        clock=time.time,
        random=os.urandom,
        tasks=ground.tasks,
        signer=ground.signing,
        agent=settings.agent.name,
        public_url=settings.inbound.public_url,
    )


def _verify(house: House) -> Callable[[bytes], Awaitable[Principal]]:
    async def verify(token: bytes) -> Principal:
        return (await house.verifier.verify(token)).principal

    return verify


def _leave(before: Settings, after: Settings, around: "Surroundings") -> None:
    """What a reload has removed or changed is not asked about any more, and its users sign in again."""
    issuers = changed_issuers(before, after)
    providers = {name for name, provider in before.providers.items() if after.providers.get(name) != provider}
    _end(around, lambda each: each.provider in providers or each.principal.rests_on(issuers))
    around.visitors.drop(lambda principal: principal.rests_on(issuers))


def _end(around: "Surroundings", doomed: "Callable[[Session], bool]") -> None:
    """Ask nothing more that is *doomed*."""
    for session in around.sessions.drop(doomed):
        around.attempts.end(session)
