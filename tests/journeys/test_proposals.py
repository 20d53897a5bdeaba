"""What the demo plays is recorded, and of its record come the demo's own capabilities."""

import asyncio
import io
import time
from collections.abc import Iterable
from pathlib import Path

from sidecar.assembly import policing
from sidecar.demo.stage import staged
from sidecar.demo.story import Story
from sidecar.demo.terminal import Terminal
from sidecar.policy import words
from sidecar.policy.capability import Capability
from sidecar.settings import Settings, load

Right = tuple[str, str, str | None, frozenset[str]]
"""Who has it, what it is, and by which provider and scopes."""


def rights(capabilities: Iterable[Capability]) -> set[Right]:
    """What is allowed to whom, however it is divided into capabilities."""
    found: set[Right] = set()
    for each in capabilities:
        for name in (*each.routes, *each.tools):
            found.add((words.who(each.who), name, each.provider, each.scopes))
    return found


def read(home: Path, text: str = "") -> Settings:
    """The demo's configuration, or one with the capabilities in *text* instead."""
    configuration = (home / "sidecar.yaml").read_text()
    if text:
        before, _, rest = configuration.partition("capabilities:\n")
        after = rest[rest.index("consent:\n") :]
        configuration = f"{before}{text}\n{after}"
    file = home / "proposed.yaml"
    file.write_text(configuration)
    return load(file, {"CALENDAR_KEY": "k"})


async def test_of_the_demos_record_come_the_demos_own_capabilities() -> None:
    async with staged(time.time) as stage:
        assert await Story(stage, Terminal(io.StringIO(), colour=False)).tell()
        declared = read(stage.home)
        await asyncio.sleep(0.5)  # until the journal is drained
        text = "\n".join(policing.proposed(declared, None).lines)
        proposed = read(stage.home, text)
    # Nobody who is on the board has called: nothing can be known of what they may.
    seen = {name: each for name, each in declared.capabilities.items() if name != "pay"}
    assert rights(proposed.capabilities.values()) == rights(seen.values())
    assert set(proposed.capabilities) <= set(seen)
    assert len(proposed.capabilities) <= len(seen)
