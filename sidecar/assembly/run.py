"""``sidecar run``: the sidecar, and the agent as its child."""

import asyncio
import contextlib
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sidecar.agent import environment, files
from sidecar.agent.child import Child, Unstarted, User, UserUnknown, may_enter, user
from sidecar.agent.orphans import FIRST, Orphans
from sidecar.assembly.ground import Unstartable
from sidecar.assembly.serve import announce, held
from sidecar.assembly.sidecar import Sidecar, running
from sidecar.assembly.state_key import variables as of_key_service
from sidecar.settings import Settings
from sidecar.wire.endpoint import Unix

log = logging.getLogger("sidecar")

PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_KEYS = (signal.SIGINT, signal.SIGQUIT)
"""What a terminal sends to all of its foreground group, the agent included."""
_KILLED_AFTER = 10.0
"""Seconds that the agent has to end where the sidecar has failed."""
_ORPHANS_SECONDS = 1.0


def run(config: Path, environ: Mapping[str, str], command: Sequence[str], to_be: str | None) -> int:
    """Serve what *config* says, with *command* as the agent, as the user *to_be* if one is named; return the exit code.
    Raise ``settings.Problems``."""
    # What is ignored from the start (nohup, a shell's background job) stays ignored, by the agent as well.
    heard = frozenset(
        number for number in (*PASSED_ON, signal.SIGHUP) if signal.getsignal(number) is not signal.SIG_IGN
    )

    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def together(settings: Settings) -> int:
        agents = _user(to_be)
        async with running(settings, config, environ) as sidecar, asyncio.TaskGroup() as tasks:
            announce(sidecar, sys.stderr)
            return await Together(sidecar, tasks, heard).run(
                lambda given: Child(command, given, agents, descriptors), environ, agents
            )

    return held(config, environ, together)


def _user(to_be: str | None) -> User | None:
    """``None``: the agent runs as we do. Raise ``Unstartable``."""
    try:
        found = user(to_be) if to_be is not None else None
    except UserUnknown as error:
        raise Unstartable(f"--user: {error}") from error
    own = os.geteuid()
    if found is None or found.uid == own:
        log.warning(
            "the agent runs as the sidecar's own user (%d): it can read the sidecar's files, keys included", own
        )
        return None if own else found
    if own:
        raise Unstartable(f"--user: only root can start the agent as another user, and this is user {own}")
    return found


class Together:
    """One sidecar and one agent, from the agent's start to the end of both."""

    def __init__(self, sidecar: Sidecar, tasks: asyncio.TaskGroup, heard: frozenset[signal.Signals]) -> None:
        self._sidecar = sidecar
        self._tasks = tasks
        self._heard = heard
        self._terminal = _has_terminal()
        self._child: Child | None = None

    async def run(
        self, start: Callable[[Mapping[str, str]], Child], environ: Mapping[str, str], agents: User | None
    ) -> int:
        """The exit code. Raise ``Unstartable``."""
        given = self._environment(environ, agents)
        self._listen()  # before there is an agent: what ended us now would leave it behind
        try:
            self._child = child = start(given)
        except Unstarted as error:
            log.error("the agent can't be started: %s", error)  # noqa: TRY400 - its text is all there is to know
            return error.code
        orphans = self._tasks.create_task(_see_to_orphans(child)) if os.getpid() == FIRST else None
        try:
            await asyncio.to_thread(child.wait)
        finally:
            if not child.ended():
                # The sidecar has failed, and the agent can do nothing without it.
                await asyncio.to_thread(child.end, _KILLED_AFTER)
            if orphans is not None:
                orphans.cancel()
        log.info("the agent has ended with %s: so does the sidecar", child.code)
        with contextlib.suppress(asyncio.CancelledError):
            await self._sidecar.drain()
        return child.code or 0

    def _environment(self, environ: Mapping[str, str], agents: User | None) -> dict[str, str]:
        """The agent's, after its files have been made its own. Raise ``Unstartable``."""
        settings, listen = self._sidecar.settings, self._sidecar.listeners["egress"].endpoint
        if isinstance(listen, Unix):
            log.warning("egress.listen is a unix socket: the agent's clients know no variable for a proxy there")
        token, providers = self._sidecar.ground.agent, settings.providers.values()
        variables = environment.variables(
            listen=listen,
            run=settings.run.dir,
            handle=token.reveal() if token is not None else None,
            aws=token is not None and environment.hands_out_aws(providers),
            signs=environment.signs_aws(providers),
            one=settings.agent.concurrency == "one",
            consent=settings.consent.public_url,
        )
        if agents is not None:
            variables = {**variables, **agents.variables}
            _give(settings.run.dir, agents, token is not None)
        read = settings.environ | of_key_service(settings)
        return environment.inherited(environ, variables, read=read, providers=providers)

    # signals

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        for number in self._heard.intersection(PASSED_ON):
            loop.add_signal_handler(number, self._pass_on, number)
        if signal.SIGHUP in self._heard:
            loop.add_signal_handler(signal.SIGHUP, self._hang_up)

    def _pass_on(self, number: signal.Signals) -> None:
        if self._child is None or (number in _KEYS and self._child.hears_the_terminal):
            return
        self._child.send(number)
        if number == signal.SIGTERM:
            self._tasks.create_task(self._sidecar.retire())

    def _hang_up(self) -> None:
        """There is a configuration to read again; or the terminal has gone, and whoever sat there."""
        if self._terminal and not _has_terminal():
            self._pass_on(signal.SIGHUP)
        else:
            self._tasks.create_task(self._sidecar.reload())


def _give(run_dir: Path, agents: User, token: bool) -> None:
    """Raise ``Unstartable``."""
    try:
        if token:
            files.give(run_dir, agents.uid, agents.gid)
    except files.FilesUnusable as error:
        raise Unstartable(str(error)) from error
    if not may_enter(run_dir, agents):
        log.warning("user %s can't enter %s: it won't find the CA that it has to trust", agents.name, run_dir)


async def _see_to_orphans(child: Child) -> None:
    """As the first process of a container, for ever."""
    orphans = Orphans(child.pid)
    while True:
        await asyncio.sleep(_ORPHANS_SECONDS)
        orphans.sweep()


def _has_terminal() -> bool:
    """Whether there is one that controls us."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True
