"""Where the journal lives: two folders under ``state.dir``, held by one process."""

import errno
import fcntl
import os
import secrets
from dataclasses import dataclass
from pathlib import Path


class Unusable(Exception):
    """``state.dir`` can't hold the journal; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Place:
    """The folders, while they are ours."""

    rings: Path
    logs: Path
    instance: str
    """Names this ``state.dir`` among all sidecars, across restarts: 32 hex digits."""
    lock: int
    """The descriptor of the file whose lock keeps others out."""

    @classmethod
    def take(cls, directory: Path) -> "Place":
        """Make the folders in *directory* (``state.dir``), and hold them. Raise ``Unusable`` or ``OSError``."""
        rings, logs = directory / "journal", directory / "audit"
        directory.parent.mkdir(parents=True, exist_ok=True)
        for folder in (directory, rings, logs):
            folder.mkdir(mode=0o700, exist_ok=True)
        lock = os.open(rings / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            owner, instance = _owner(lock)
            instance = instance or secrets.token_hex(16)
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"{os.getpid()} {instance}\n".encode(), 0)
        except BlockingIOError as error:
            owner, _ = _owner(lock)
            os.close(lock)
            raise Unusable(
                f"{directory} is in use by another sidecar (process {owner}); give each sidecar a state.dir of its own"
            ) from error
        except OSError:
            os.close(lock)
            raise
        return cls(rings, logs, instance, lock)

    def leave(self) -> None:
        os.close(self.lock)


def _owner(lock: int) -> tuple[str, str]:
    """The process that holds the place, or held it, and the instance's name."""
    owner, _, instance = os.pread(lock, 64, 0).decode("ascii", "replace").strip().partition(" ")
    return owner or "unknown", instance


def explain(directory: Path, size: int, error: OSError) -> Unusable:
    """What *error* means for who starts the sidecar."""
    if error.errno == errno.ENOSPC:
        return Unusable(
            f"{directory} has no space for the journal of {size} bytes, which is allocated in full at start; "
            "free some, or lower audit.journal"
        )
    return Unusable(
        f"{error.filename or directory} can't hold the journal: {error.strerror}; check state.dir and its rights"
    )
