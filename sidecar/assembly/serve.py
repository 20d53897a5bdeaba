"""``sidecar serve``: run until told to stop."""

import asyncio
import contextlib
import gc
import logging
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, TextIO

from sidecar.assembly.sidecar import Sidecar, Unstartable, running
from sidecar.settings import Settings, load
from sidecar.wire.endpoint import Tcp

log = logging.getLogger("sidecar")

FAILED = 1
_CUT = ("Fatal error on SSL protocol", "SSL error in data received", "SSL handshake failed")
"""uvloop's and asyncio's words for it."""

_ALLOCATED_ONCE = 2 << 20
"""What was allocated at once and freed, glibc keeps room for (mallopt(3), M_MMAP_THRESHOLD and M_TRIM_THRESHOLD).
Without, each 256 KB that is read moves the heap's end up and down again, and a download costs twice the CPU."""


def serve(config: Path, environ: Mapping[str, str]) -> int:
    """Serve what *config* says until SIGTERM or SIGINT; return the exit code. Raise ``settings.Problems``."""
    return held(config, environ, lambda settings: _serve(settings, config, environ))


def held(config: Path, environ: Mapping[str, str], work: Callable[[Settings], Coroutine[Any, Any, int]]) -> int:
    """The exit code of *work* with the settings in *config*, or that of a sidecar that couldn't start. Raise
    ``settings.Problems``."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is something to reload: by itself it ends a process
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = load(config, environ)
    try:
        return run(work(settings))
    except Unstartable as error:
        log.error("%s", error)  # noqa: TRY400 - its text is all there is to know
        return FAILED
    except BaseExceptionGroup as group:
        causes, rest = group.split(Unstartable)
        if causes is None or rest is not None:
            raise
        for cause in causes.exceptions:
            log.error("%s", cause)  # noqa: TRY400 - as above
        return FAILED


def run(work: Coroutine[Any, Any, int]) -> int:
    """Run on uvloop, or on asyncio's own loop where uvloop isn't to be had."""
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    try:
        import uvloop
    except ImportError:
        log.warning("uvloop is not installed: asyncio's own loop serves, at about a quarter more CPU")
    else:
        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.get_loop().set_exception_handler(_in_disorder)
        return runner.run(work)


def _in_disorder(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What went wrong where nobody waits. That a TLS connection was cut in the midst of a record is its peer's affair,
    which uvloop takes for a fault of its own: it is worth a line, and no traceback."""
    if context.get("message") in _CUT:
        log.info("a TLS connection was cut off: %s", type(context.get("exception")).__name__)
    else:
        loop.default_exception_handler(context)


async def _serve(settings: Settings, config: Path, environ: Mapping[str, str]) -> int:
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    async with running(settings, config, environ) as sidecar, asyncio.TaskGroup() as reloads:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, told.set)
        loop.add_signal_handler(signal.SIGHUP, lambda: reloads.create_task(_reload(sidecar)))
        announce(sidecar, sys.stdout)
        await told.wait()
        longest = max(settings.inbound.timeouts.drain, settings.egress.timeouts.drain)
        log.info("told to stop: not ready any more, up to %g s for what is open", longest)
        with contextlib.suppress(asyncio.CancelledError):
            await sidecar.drain()
    return 0


async def _reload(sidecar: Sidecar) -> None:
    await sidecar.reload()


def announce(sidecar: Sidecar, to: TextIO) -> None:
    """Say where it listens: it has started."""
    bytearray(_ALLOCATED_ONCE)
    gc.freeze()  # what the start has made stays: no collection looks at it again
    gc.enable()
    settings = sidecar.settings
    if settings.development:
        log.warning("development: plain http and sandbox providers are allowed. Never in production.")
    if not settings.issuers:
        log.warning("no issuers are configured: every call but public paths is refused")
    for note in settings.notes:
        log.info("note: %s", note)
    url = settings.agent.url
    agent = f"http://{url}" if isinstance(url, Tcp) else str(url)
    for listener in sidecar.listeners.values():
        arrow = f" → agent {agent}" if listener.name == "inbound" else ""
        print(f"sidecar: {listener.name} on {listener.url}{arrow}", file=to, flush=True)
