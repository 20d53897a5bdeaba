"""Reading an audit log's files while they are written and rotated, from one line's sequence number to the next.

The place is a sequence number, not an offset: it stays right when files are renamed, when a failed write is taken
back and repeated, and after a restart. The offset in the open file only says where to look.
"""

import os
import time
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import Final

from sidecar.journal.audit import last_seq, older, seq_in_name, seq_of

_CHUNK: Final = 1 << 18
_TRIES: Final = 20
_GAP: Final = 0.005  # seconds, in which a rotation is over


class Tail:
    """One log's lines behind a sequence number. One thread's."""

    def __init__(self, directory: Path, log: str, seq: int, cursor: Path | None = None) -> None:
        """Begin behind the line *seq*, the log's last, or where *cursor* says, if it is there. Raise ``OSError``."""
        self._directory = directory
        self.log = log
        self._cursor = cursor
        self._fd = -1
        self._offset = 0
        self.seq = seq
        """The last line that was delivered."""
        if cursor is not None:
            with suppress(FileNotFoundError, ValueError):  # none yet, or one that can't be read
                self.seq = min(seq, int(cursor.read_text()))  # a log that was put back may end before
            self._save()

    def read(self, most: int) -> list[bytes]:
        """At most *most* lines, none where there is nothing new. Raise ``OSError``."""
        tries = 0
        while True:
            lines = self._read(most)
            try:
                if lines or not self._move_on():
                    return lines
            except FileNotFoundError:  # renamed, or deleted, at this very moment
                tries += 1
                if tries == _TRIES:
                    raise
                time.sleep(_GAP)

    def advance(self, lines: list[bytes]) -> None:
        """*lines*, which ``read`` gave, have been delivered. Raise ``OSError`` where the cursor can't be kept."""
        self.seq = seq_of(lines[-1])
        self._save()

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _read(self, most: int) -> list[bytes]:
        """The next lines of the open file, without those that were delivered before."""
        while self._fd >= 0:
            data = os.pread(self._fd, _CHUNK, self._offset)
            lines = data[: data.rfind(b"\n") + 1].splitlines(keepends=True)
            old = list(takewhile(lambda line: seq_of(line) <= self.seq, lines))
            self._offset += sum(map(len, old))
            if len(old) < len(lines) or not lines:
                return [line for line in lines[len(old) :] if seq_of(line) > self.seq][:most]
        return []

    def _move_on(self) -> bool:
        """Open the file that the next line is in; whether there may be more to read now."""
        path = self._directory / f"{self.log}.jsonl"
        if self._fd >= 0 and os.path.samestat(path.stat(), os.fstat(self._fd)):
            return False
        fd = self._find(path)
        if self._fd >= 0 and os.path.sameopenfile(fd, self._fd):  # written to before it was renamed
            os.close(fd)
            return True
        self.close()
        self._fd, self._offset = fd, 0
        return True

    def _find(self, path: Path) -> int:
        """The oldest file with a line behind the last one, opened. Raise ``FileNotFoundError``."""
        current = os.open(path, os.O_RDONLY | os.O_CLOEXEC)  # before the others are listed: from now on it is known
        files = older(self._directory, self.log)
        begin = max((at for at, file in enumerate(files) if seq_in_name(file) <= self.seq + 1), default=0)
        try:
            for file in files[begin:]:
                if last_seq(file) > self.seq:
                    fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
                    os.close(current)
                    return fd
        except FileNotFoundError:
            os.close(current)
            raise
        return current

    def _save(self) -> None:
        if self._cursor is not None:
            new = self._cursor.with_suffix(".new")
            new.write_text(f"{self.seq}\n")
            new.chmod(0o600)
            new.rename(self._cursor)
