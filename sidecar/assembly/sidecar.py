"""A running sidecar: its listeners, its tasks, its reloads and its end."""

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sidecar import __version__
from sidecar.agent import files
from sidecar.assembly import deciding, listening
from sidecar.assembly.consenting import Consenting
from sidecar.assembly.ground import Ground, Unstartable, lifetimes, opened, rooted
from sidecar.assembly.house import House, build, changed_issuers
from sidecar.assembly.keeping import needed
from sidecar.assembly.listening import Listener
from sidecar.assembly.restart import needs_restart
from sidecar.events import Attribute, Event, Name
from sidecar.inbound import headers
from sidecar.keyring.root import KeyUnusable, Root
from sidecar.ops.through import Through
from sidecar.policy.decision import Policy
from sidecar.relay.head import Head, parse
from sidecar.relay.own import Own
from sidecar.relay.pool import Pool
from sidecar.relay.relay import Limits, Relay, Timeouts
from sidecar.settings import Problems, Settings, load
from sidecar.wire.endpoint import Endpoint, Unix

if TYPE_CHECKING:
    from sidecar.assembly.outward import Outward
    from sidecar.egress.ca import Authority

log = logging.getLogger("sidecar")

_OTLP_SECONDS = 5.0
_SWEEP_SECONDS = 1.0
_INVOCATIONS_SECONDS = 0.25
"""How late the streams of an invocation that has died may end."""
_FIRST_CALLERS_SECONDS = 0.1
_GLANCE_SECONDS = 0.002


class Sidecar:
    """Everything that runs. Made by ``running``."""

    def __init__(
        self, settings: Settings, root: Root, config: Path, environ: Mapping[str, str], tasks: asyncio.TaskGroup
    ) -> None:
        self.settings = self._started = settings
        self.listeners: dict[str, Listener] = {}
        self._config = config
        self._environ = environ
        self._tasks = tasks
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._owns: list[Own] = []
        self._background: list[asyncio.Task[None]] = []
        self._keeping: asyncio.Task[None] | None = None
        self._reloading = asyncio.Lock()
        self._tls: ssl.SSLContext | None = None
        self._draining = False
        self._run_dir, self._state_dir = settings.run.dir, settings.state.dir
        self._ground = opened(settings, root, environ, self._loop, tasks)
        self._journal = self._ground.journal
        self._policy = deciding.policy(settings)
        self._house = build(settings, self._ground, self._policy)
        self._api = Own(self._identity_api, self._loop)
        self._out: Outward | None = None
        self._ground.consenting = Consenting(self._ground, lambda: self._house, lambda: self.outward.sources)

    # start and end

    async def start(self) -> None:
        """Open every listener: first the one for callers, and that which says that all is well behind the agent's
        files and its way out. Raise ``Unstartable``."""
        settings = self.settings
        inbound = settings.inbound
        listening.raise_descriptor_limit(inbound.limits.connections)
        self._run(self._journal.run())
        self._keep_keys()
        if needed(settings):
            await self._open_vault()
        if inbound.tls is not None:
            self._tls = listening.certificate(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), settings)
        limits = listening.limits(inbound.limits, "inbound.limits")
        relay = self._relay(self._house.door, limits, listening.timeouts(inbound.timeouts), headers.ours)
        await self._listen("inbound", inbound.listen, relay, tls=self._tls)
        await self._first_callers()
        await self._open_way_out()
        await self._listen("health", settings.health.listen, self._own_relay(self._health))
        await self._listen(
            "control", Unix(settings.state.dir / "control.sock"), self._own_relay(self._control), mode=0o600
        )
        consenting = self._ground.consenting
        if consenting is not None and settings.consent.public_url is not None:
            await self._listen("consent", settings.consent.listen, self._own_relay(consenting.application))
        self._run(self._sweep())
        if settings.reload == "watch":
            self._run(self._watch())
        self._run(asyncio.to_thread(deciding.load, settings))
        self._record_config("started")

    async def retire(self) -> None:
        """Not ready any more; what callers have open runs to its end, or to ``timeouts.drain``."""
        self._draining = True
        await self.listeners["inbound"].relay.drain()

    async def drain(self) -> None:
        """As ``retire``, and then the same with what the agent has open: that has the longer of both times in all."""
        began = self._loop.time()
        await self.retire()
        relay = self.listeners["egress"].relay
        longest = max(self.settings.inbound.timeouts.drain, relay.timeouts.drain)
        await relay.drain(min(relay.timeouts.drain, longest - (self._loop.time() - began)))

    async def stop(self) -> None:
        """End everything; the journal is drained once more."""
        for listener in self.listeners.values():
            listener.relay.stop()
            if isinstance(listener.endpoint, Unix):
                listener.endpoint.path.unlink(missing_ok=True)
        if self._ground.authority is not None and self.settings.agent.token is None:
            files.remove_token(self._run_dir)  # which is good for nothing any more
        self._hang_up()
        for own in [self._api, *self._owns, *([self._house.own] if self._house.own else [])]:
            await own.close()
        for task in [*self._background, *([self._keeping] if self._keeping else [])]:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        if self._ground.consenting is not None:
            await self._ground.consenting.close()
        await self._ground.keeping.close()
        await asyncio.to_thread(self._journal.close, _OTLP_SECONDS)

    def _hang_up(self) -> None:
        """End what is kept open for calls to come."""
        self._house.agent.close()
        if self._house.directory is not None:
            self._house.directory.close()
        if self._out is not None:
            self._out.close()

    def _run(self, work: Any) -> None:
        self._background.append(self._tasks.create_task(work))

    def _keep_keys(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
        self._keeping = self._tasks.create_task(self._house.keyring.run())

    async def _open_vault(self) -> None:
        """Raise ``Unstartable``; a vault that is away now is opened later."""
        from sidecar.vault.store import Unusable

        try:
            await self._ground.keeping.vault().open()
        except Unusable as error:
            raise Unstartable(str(error)) from error

    # listeners

    async def _first_callers(self) -> None:
        """Let those who call at once have their answer first: what the way out imports holds up everything."""
        relay, until = self.listeners["inbound"].relay, self._loop.time() + _FIRST_CALLERS_SECONDS
        while (relay.requests or not self._house.keyring.tried) and self._loop.time() < until:  # noqa: ASYNC110 - as drain
            await asyncio.sleep(_GLANCE_SECONDS)

    async def _open_way_out(self) -> None:
        """Our CA, the agent's files, and then the listener that they are for. Raise ``Unstartable``."""
        from sidecar.assembly.granting import keep_alive
        from sidecar.relay import proxied

        settings, ground = self.settings, self._ground
        self._out = out = self._outward(settings, self._policy)
        if needed(settings):
            self._run(keep_alive(ground, lambda: self.outward.sources))
        ground.authority = await self._certified(settings, out.routes.intercepted)
        egress = settings.egress
        limits = listening.limits(egress.limits, "egress.limits")
        relay = self._relay(out.door, limits, listening.timeouts(egress.timeouts), headers.ours, proxied.read)
        await self._listen("egress", egress.listen, relay)
        ground.takes_calls_at(self.listeners["egress"].endpoint)

    async def _certified(self, settings: Settings, hosts: frozenset[str]) -> "Authority":
        """A CA that is good for *hosts*, of which the agent's files say so. Raise ``Unstartable``."""
        from sidecar.egress.ca import Authority, CaUnusable

        ground, run, state = self._ground, self._run_dir, self._state_dir

        def certify() -> Authority:
            authority = Authority.opened(state, ground.root, hosts, time.time)
            if hosts:
                authority.prepare()
            bundle = files.bundle(authority.pem, settings.tls.ca_file)
            files.write(run, authority.pem, bundle, ground.agent)
            return authority

        try:
            authority = await asyncio.to_thread(certify)
        except (CaUnusable, files.FilesUnusable) as error:
            raise Unstartable(str(error)) from error
        if authority.changed:
            log.warning("the CA is a new one (%s): restart the agent, which trusts the old one", authority.changed)
        self._run(asyncio.to_thread(authority.warm))
        return authority

    def _outward(self, settings: Settings, policy: Policy, before: "Outward | None" = None) -> "Outward":
        from sidecar.api.prompt import Prompt
        from sidecar.assembly.outward import outward

        api = Pool("the identity API", self._api.dial, connect_seconds=5.0, clock=self._loop.time)
        return outward(settings, self._ground, policy, api, Prompt(lambda: self.outward.surroundings), before)

    def _relay(
        self,
        door: Any,
        limits: Limits,
        timeouts: Timeouts,
        drops: Callable[[bytes], bool],
        read: Callable[..., Head[Any]] = parse,
    ) -> Relay:
        relay = Relay(
            door, limits=limits, timeouts=timeouts, answer_drops=drops, loop=self._loop, tasks=self._tasks, read=read
        )
        self._run(relay.sweep())
        return relay

    def _own_relay(self, application: Callable[[], Any]) -> Relay:
        own = Own(application, self._loop)
        self._owns.append(own)
        pool = Pool("the sidecar itself", own.dial, connect_seconds=5.0, clock=self._loop.time)
        limits = Limits(connections=256, requests=64)
        timeouts = Timeouts(first_byte=30.0, idle=60.0, drain=1.0)
        return self._relay(Through(pool, self._ground.ids.trace), limits, timeouts, lambda _name: False)

    async def _listen(
        self, name: str, endpoint: Endpoint, relay: Relay, *, tls: ssl.SSLContext | None = None, mode: int = 0o660
    ) -> None:
        try:
            where = await relay.listen(endpoint, tls, mode)
        except OSError as error:
            raise Unstartable(
                f"{name} can't listen on {endpoint}: {error.strerror or error}\n"
                f"    free that address, or set another one: {'state.dir' if name == 'control' else f'{name}.listen'}"
            ) from error
        self.listeners[name] = Listener(name, where, relay, secure=tls is not None)
        self._ground.listens(where)

    def _health(self) -> Any:
        from sidecar.assembly import report
        from sidecar.ops import health

        return health.application(unready=self.unready, samples=lambda: report.samples(self))

    def _identity_api(self) -> Any:
        from sidecar import api

        return api.application(lambda: self.outward.surroundings)

    def _control(self) -> Any:
        from sidecar.assembly import report
        from sidecar.assembly.revoking import Revoking
        from sidecar.ops import control

        revoking = Revoking(
            self._ground,
            house=lambda: self._house,
            sources=lambda: self.outward.sources,
            inbound=lambda: self.listeners["inbound"].relay,
        )
        more = [*self._ground.keeping.commands(revoking.disconnect), *revoking.commands()]
        return control.application(status=lambda: report.status(self), reload=self.reload, more=more)

    # what is said of it

    @property
    def house(self) -> House:
        return self._house

    @property
    def outward(self) -> "Outward":
        if self._out is None:
            raise RuntimeError("the way out is not made yet")
        return self._out

    @property
    def ground(self) -> Ground:
        return self._ground

    @property
    def config(self) -> Path:
        return self._config

    @property
    def restart(self) -> tuple[str, ...]:
        """The keys whose change waits for a restart: in which the configuration differs from what the start made."""
        return tuple(needs_restart(self._started, self.settings))

    @property
    def uptime(self) -> float:
        return self._loop.time() - self._began

    def unready(self) -> tuple[str, ...]:
        from sidecar.ops.readiness import unready

        level = self._journal.level()
        full = level.failure is not None and level.unread * 2 > level.capacity
        return unready(
            draining=self._draining,
            issuers=self._house.keyring.states(),
            journal=level.failure if full and self.settings.audit.required else None,
        )

    # reload

    async def reload(self) -> Any:
        """Read the configuration again; a bad one leaves the old one in force and says why."""
        from sidecar.ops.status import Reloaded

        async with self._reloading:
            before = self.settings
            try:
                after = await asyncio.to_thread(load, self._config, self._environ)
                policy = deciding.policy(after)
                out = self._outward(after, policy, self._out)
                authority = await self._certified(after, out.routes.intercepted)
                self._take(after, policy)
                self._take_way_out(out, authority)
            except Problems as problems:
                texts = tuple(str(problem) for problem in problems.problems)
                log.error("the configuration is not taken; the old one stays in force:\n%s", "\n".join(texts))  # noqa: TRY400 - no bug
                return Reloaded(before.digest, problems=texts)
            except (OSError, ssl.SSLError, KeyUnusable, Unstartable) as error:
                log.error("the configuration is not taken; the old one stays in force: %s", error)  # noqa: TRY400 - no bug
                return Reloaded(before.digest, problems=(str(error),))
            for key in self.restart:
                log.warning("%s has changed: that needs a restart", key)
            notes = after.notes
            if authority.changed:
                notes += ("the CA is a new one: restart the agent, which trusts the old run.dir/ca.pem",)
            changed = after.digest != before.digest
            log.info("the configuration was read again: %s", "taken" if changed else "nothing has changed")
            return Reloaded(after.digest, changed=changed, restart=self.restart, notes=notes)

    def _take(self, after: Settings, policy: Policy) -> None:
        """Exchange the house; what is gone or changed loses its verified tokens and handles at once."""
        if self._tls is not None and after.inbound.tls is not None:
            listening.certificate(self._tls, after)  # a renewed certificate, for the handshakes to come
        before = self._house
        house = build(after, self._ground, policy, before)
        gone = changed_issuers(before.settings, after)
        self._house, self.settings = house, after
        relay = self.listeners["inbound"].relay
        relay.door = house.door
        relay.limits = listening.limits(after.inbound.limits, "inbound.limits")
        relay.timeouts = listening.timeouts(after.inbound.timeouts)
        self._ground.invocations.lifetimes = lifetimes(after)
        self._ground.invocations.end_all(lambda principal: principal.rests_on(gone))
        if before.agent is not house.agent:
            before.agent.close()
        if before.directory is not None and before.directory is not house.directory:
            before.directory.close()
        if before.own is not None:
            self._tasks.create_task(before.own.close())
        self._keep_keys()
        if after.digest != before.settings.digest:
            self._record_config("reloaded")

    def _take_way_out(self, out: "Outward", authority: "Authority") -> None:
        """Exchange the way out; what went by a route, provider or capability that is gone or changed ends."""
        from sidecar.assembly.outward import doomed

        before, relay = self.outward, self.listeners["egress"].relay
        self._out, self._ground.authority = out, authority
        egress = out.settings.egress
        relay.door, relay.timeouts = out.door, listening.timeouts(egress.timeouts)
        relay.limits = listening.limits(egress.limits, "egress.limits")
        before.close(out)
        out.conversations.changed(out.surroundings.policy, time.time())
        relay.stop_where(doomed(before.settings, out))

    def _record_config(self, outcome: str) -> None:
        event = Event(
            Name.CONFIG_CHANGED,
            time.time_ns(),
            self._ground.ids.trace().decode(),
            self._ground.ids.span().decode(),
            {Attribute.OUTCOME: outcome, Attribute.CONFIG_DIGEST: self.settings.digest},
        )
        self._journal.record(event.encode())

    async def _watch(self) -> None:
        """Reload when the configuration or a file that it names changes."""
        from watchfiles import awatch

        while True:
            watched = frozenset(path.absolute() for path in self.settings.files)
            async for changes in awatch(*{path.parent for path in watched}, recursive=False):
                # Kubernetes exchanges a mounted file by moving a link beside it: any change there may be one of ours.
                if changes:
                    await self.reload()
                if frozenset(path.absolute() for path in self.settings.files) != watched:
                    break

    async def _sweep(self) -> None:
        later = 0.0
        while True:
            await asyncio.sleep(_INVOCATIONS_SECONDS)
            self._ground.invocations.sweep()
            now = self._loop.time()
            if now >= later:
                later = now + _SWEEP_SECONDS
                self._house.agent.sweep(now)
                self.outward.sweep(now)
                self._house.verifier.sweep(time.time())
                self._ground.once.sweep()
                if self._ground.consenting is not None:
                    self._ground.consenting.sweep()


@asynccontextmanager
async def running(settings: Settings, config: Path, environ: Mapping[str, str]) -> AsyncIterator[Sidecar]:
    """A sidecar from the opening of its listeners to its end, undrained. Raise ``Unstartable``."""
    async with asyncio.TaskGroup() as tasks:
        sidecar = Sidecar(settings, await rooted(settings, environ), config, environ, tasks)
        try:
            await sidecar.start()
            yield sidecar
        finally:
            await sidecar.stop()


__all__ = ["Listener", "Sidecar", "Unstartable", "__version__", "running"]
