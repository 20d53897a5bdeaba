"""How a running sidecar is, for its operator: what ``sidecar status`` shows. It never names a principal."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class IssuerStatus:
    keys: int
    age: float | None
    """Seconds since the keys were fetched; ``None`` while there never were any."""
    failure: str | None
    """What the last fetch failed with, if it did."""


@dataclass(frozen=True, slots=True)
class JournalStatus:
    fill: float
    """The share that waits to be drained, 0 to 1."""
    lost: int
    rejected: int
    """Rejections of strangers, those only summed up included."""
    failure: str | None = None
    """Why events can't be recorded, if they can't."""


@dataclass(frozen=True, slots=True)
class Status:
    version: str
    uptime: float
    """Seconds."""
    unready: tuple[str, ...]
    """Why not ready, from ``readiness.unready``; empty when ready."""
    listeners: Mapping[str, str]
    """Name → where it listens, as a URL or ``unix:/path``."""
    issuers: Mapping[str, IssuerStatus]
    journal: JournalStatus
    config: str
    """The configuration file."""
    digest: str
    """SHA-256 of the effective configuration, hex."""
    restart: tuple[str, ...] = ()
    """Keys in which it differs from what was in force at the start, and waits for a restart."""
    notes: tuple[str, ...] = ()

    def document(self) -> dict[str, object]:
        """As JSON; ``ready`` is said outright."""
        return {"version": self.version, "uptime": self.uptime, "ready": not self.unready} | asdict(self)


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What became of a reload."""

    digest: str
    """The configuration in force now."""
    changed: bool = False
    problems: tuple[str, ...] = ()
    """What is wrong with the new file; then the old configuration stays in force."""
    restart: tuple[str, ...] = ()
    """Keys whose change waits for a restart."""
    notes: tuple[str, ...] = ()

    def document(self) -> dict[str, object]:
        return {"taken": not self.problems} | asdict(self)
