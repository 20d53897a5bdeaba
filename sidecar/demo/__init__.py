"""``sidecar demo``: an issuer, an agent and the sidecar on this machine, and a story that checks what they do."""

import os
import sys
import time


def run(*, once: bool) -> int:
    """Tell the story, then stay up to be played with, unless *once*. Return 0 when every step held, else 1."""
    import asyncio

    from sidecar.assembly import Unstartable
    from sidecar.demo.play import play
    from sidecar.demo.terminal import Terminal

    terminal = Terminal(sys.stdout, colour=sys.stdout.isatty() and not os.environ.get("NO_COLOR"))
    outcome, read = 1, True
    try:
        outcome = asyncio.run(play(terminal, once=once, clock=time.time))  # noqa: TID251 - its issuer is a server of its own
    except* Unstartable as group:
        for error in group.exceptions:
            terminal.step("the sidecar starts", False, error)
    except* BrokenPipeError:
        read = False
    if not read:
        raise BrokenPipeError("who read the story has gone")
    return outcome
