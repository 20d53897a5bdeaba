"""``sidecar demo``: an issuer, an agent and the sidecar on this machine, and a story that checks what they do."""

import os
import sys


def run(*, once: bool) -> int:
    """Tell the story, then stay up to be played with, unless *once*. Return 0 when every step held, else 1."""
    import asyncio

    from sidecar.demo.play import play
    from sidecar.demo.terminal import Terminal

    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return asyncio.run(play(Terminal(sys.stdout, colour=colour), once=once))
