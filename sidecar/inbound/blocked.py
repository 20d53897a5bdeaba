"""Principals that an operator keeps out for a while: however good their tokens are, the front door is closed to them.

It is kept in a file, so that a sidecar that is restarted meanwhile doesn't let them in.
"""

import json
import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sidecar.errors import NotPermitted
from sidecar.identity.principal import Principal

log = logging.getLogger(__name__)

NAME = "blocked.json"
"""The file's name in ``state.dir``."""


class KeptOut(NotPermitted):
    title = "You are kept out for now."
    mend = "Ask whoever runs this agent: they have ended your access for a while."


class Blocked:
    def __init__(self, path: Path, *, clock: Callable[[], float], name: Callable[[str], str]) -> None:
        """*clock* gives epoch seconds; *name* is what the record calls a principal's id. Raise ``ValueError`` where the
        file at *path* isn't what was written there, and ``OSError``."""
        self._path, self._clock, self._name = path, clock, name
        self._until = _read(path)
        """By the principal's id, or what the record calls it; epoch seconds."""

    def until(self, principal: str) -> float | None:
        """Until when the principal of that id is kept out."""
        if not self._until:
            return None
        ends = max(self._until.get(principal, 0.0), self._until.get(self._name(principal), 0.0))
        return ends if ends > self._clock() else None

    def require(self, principal: Principal) -> None:
        """Raise ``KeptOut``."""
        if (until := self.until(principal.id)) is not None:
            ends = datetime.fromtimestamp(until, UTC).isoformat(timespec="seconds")
            raise KeptOut(f"the operator keeps the principal out until {ends}")

    def keep_out(self, principal: str, seconds: float) -> float:
        """Nobody comes in as *principal* (an id, or what the record calls it) for *seconds*; 0: they may come in again.
        Until when it is, epoch seconds. Raise ``OSError``: it isn't kept, and holds while this process lives."""
        now = self._clock()
        until = self._until = {each: ends for each, ends in self._until.items() if ends > now and each != principal}
        if seconds:
            until[principal] = now + seconds
        _write(self._path, until)
        return now + seconds

    def __len__(self) -> int:
        now = self._clock()
        return sum(ends > now for ends in self._until.values())


def _read(path: Path) -> dict[str, float]:
    """Raise ``ValueError`` or ``OSError``."""
    try:
        said = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    if not isinstance(said, dict) or not all(isinstance(ends, int | float) for ends in said.values()):
        raise ValueError("no object of points in time")
    return {principal: float(ends) for principal, ends in said.items()}


def _write(path: Path, until: dict[str, float]) -> None:
    """In one step, for whoever reads it. Raise ``OSError``."""
    new = path.with_suffix(".new")
    new.touch(0o600)
    with new.open("w") as file:
        json.dump(until, file)
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)
