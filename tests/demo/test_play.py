"""The demo as it goes when something doesn't hold."""

import io
import time

from sidecar.demo.play import play
from sidecar.demo.terminal import Terminal


async def test_a_step_that_does_not_hold_is_shown_and_is_the_outcome() -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    terminal = Terminal(out, colour=False)
    outcome = await play(terminal, once=True, clock=lambda: time.time() - 3600)  # every token expired an hour ago
    out.seek(0)
    shown = out.read()
    assert outcome == 1
    assert "✗ the agent answers: hello, alice" in shown
    assert "✓ refused: 401 token_missing" in shown
    assert (shown.count("   ✗ ") - 1, shown.count("   ✓ ")) == (terminal.failed, terminal.held)
    assert f"✗ {terminal.failed} of {terminal.failed + terminal.held} steps did not hold" in shown
