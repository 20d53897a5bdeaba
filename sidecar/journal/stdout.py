"""Events as JSON lines on standard output, for whoever collects a container's output."""

import os
import select
from typing import Final

from sidecar.journal.follower import Undelivered

_PIECE: Final = select.PIPE_BUF  # a pipe that polls as writable takes as much without waiting
_WAIT: Final = 0.2


class Stdout:
    """Writes lines to *fd*, which is not made non-blocking: other processes may share it."""

    name: Final = "stdout"
    most: Final = 256

    def __init__(self, fd: int = 1) -> None:
        self._fd = fd
        self._aborted = False
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)

    def deliver(self, log: str, lines: list[bytes]) -> None:
        """Write *lines*, however long the reader takes. Raise ``Undelivered`` when told to abort, or ``OSError``."""
        data = b"".join(lines)
        at = 0
        while at < len(data):
            while not self._poll.poll(_WAIT * 1000):
                if self._aborted:
                    raise Undelivered("its reader is too slow")
            at += os.write(self._fd, data[at : at + _PIECE])

    def abort(self) -> None:
        self._aborted = True

    def close(self) -> None:
        """The descriptor isn't ours to close."""
