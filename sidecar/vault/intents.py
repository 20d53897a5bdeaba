"""Refreshes that are under way, each in a sealed file: what a sidecar was about to do when it died.

A provider that rotates refresh tokens takes the old one back as it gives the new one. So before it is asked, the grant
is in a file that has been synced; and what it answers is appended and synced before anything else happens. What a dead
sidecar has left is replayed when the next one starts (``vault.vault``). Only sealed bytes come here.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_LENGTH = 4
_SUFFIX = ".refresh"


@dataclass(frozen=True, slots=True)
class Left:
    """One that a sidecar left."""

    path: Path
    asked: bytes = field(repr=False)
    """The grant, sealed, as it was before; empty: that wasn't written in full, so nobody was asked."""
    answered: bytes = field(repr=False)
    """As it is now, sealed; empty: that wasn't written in full."""

    def end(self) -> None:
        self.path.unlink(missing_ok=True)


class Intent:
    def __init__(self, path: Path, sealed: bytes) -> None:
        """Begin: durable when this returns. Raise ``OSError``."""
        self._path = path
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            self._append(sealed)
            _sync_folder(path.parent)
        except BaseException:
            self.end()
            raise

    def answered(self, sealed: bytes) -> None:
        """Durable when this returns. Raise ``OSError``."""
        self._append(sealed)

    def close(self) -> None:
        """Leave it to be replayed."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def end(self) -> None:
        """It is over. A file that is back after a power cut is replayed in vain: the grant has another version."""
        self.close()
        self._path.unlink(missing_ok=True)

    def _append(self, sealed: bytes) -> None:
        record = len(sealed).to_bytes(_LENGTH, "big") + sealed
        while record:
            record = record[os.write(self._file, record) :]
        os.fsync(self._file)


class Intents:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, name: str, sealed: bytes) -> Intent:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Intent(self._folder / (name + _SUFFIX), sealed)

    def left(self) -> Iterator[Left]:
        with suppress(FileNotFoundError):
            for path in sorted(self._folder.iterdir()):
                if path.suffix == _SUFFIX:
                    asked, rest = _record(path.read_bytes())
                    yield Left(path, asked, _record(rest)[0])


def _record(octets: bytes) -> tuple[bytes, bytes]:
    """The first record and what follows it; empty where it isn't there in full."""
    end = _LENGTH + int.from_bytes(octets[:_LENGTH], "big")
    return (octets[_LENGTH:end], octets[end:]) if _LENGTH < end <= len(octets) else (b"", b"")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
