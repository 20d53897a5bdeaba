"""The demo from its first line to its end: the story, then an invitation, until someone ends it."""

import asyncio
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import which

from sidecar.demo.issuer import AUDIENCE
from sidecar.demo.stage import Stage, staged
from sidecar.demo.story import Story
from sidecar.demo.terminal import Terminal

INTERRUPTED = 130


async def play(terminal: Terminal, *, once: bool, clock: Callable[[], float]) -> int:
    """0 when every step held, 1 when one didn't, 130 when it was ended before the story was told.

    *clock* is the issuer's, in epoch seconds; the sidecar has its own.
    """
    _end_on_signals()
    outcome = INTERRUPTED
    try:
        async with staged(clock) as stage:
            held = await Story(stage, terminal).tell()
            outcome = 0 if held else 1
            terminal.verdict()
            if not once:
                _invite(stage, terminal)
                await asyncio.Event().wait()
    except asyncio.CancelledError:
        terminal.say("Ended; nothing of it is left on this machine.")
    return outcome


def _end_on_signals() -> None:
    """Let Ctrl-C and SIGTERM cancel what runs here, so that everything that was set up is taken down."""
    playing = asyncio.current_task()
    if playing is None:
        raise RuntimeError("play runs in a task")
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, playing.cancel)


def _command() -> str:
    """The command that this is, as a shell finds it."""
    if which("sidecar"):
        return "sidecar"
    script = Path(sys.argv[0]).absolute()
    return str(script) if script.name == "sidecar" else f"{sys.executable} -m sidecar"


def _invite(stage: Stage, terminal: Terminal) -> None:
    """Commands that work as they are printed."""
    terminal.say("It is all still running. In another terminal:")
    terminal.code(
        [
            f"ISSUER={stage.issuer} AGENT={stage.inbound}",
            "TOKEN=$(curl -s $ISSUER/token/alice)          # or bob",
            "",
            'curl -i $AGENT/whoami -H "Authorization: Bearer $TOKEN"',
            'curl -N $AGENT/stream -H "Authorization: Bearer $TOKEN"',
            'curl $AGENT/look-up/calendar/events -H "Authorization: Bearer $TOKEN"',
            'curl $AGENT/tools -H "Authorization: Bearer $TOKEN"',
            "curl -i $AGENT/",
            "",
            "# a token that has expired, and one for another audience",
            'TOKEN=$(curl -s "$ISSUER/token/alice?seconds=-60")',
            'TOKEN=$(curl -s "$ISSUER/token/alice?audience=payroll")',
            "",
            f"STATE={stage.home / 'state'}",
            "tail -n 3 $STATE/audit/*.jsonl",
            f"{_command()} status --socket $STATE/control.sock",
            f"curl -s {stage.health}/metrics",
        ]
    )
    terminal.say(f"The audience of its tokens is {AUDIENCE}. Ctrl-C ends it.")
