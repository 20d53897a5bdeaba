"""What else wants the events: each destination follows the audit log's files in a thread, as slowly as it likes.

Nothing is kept in memory, so that a destination which is slow or away costs nothing but its own delay. Delivery is at
least once: a line's sequence number tells a reader which it has seen.
"""

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Protocol

from sidecar.journal.tail import Tail

_log = logging.getLogger("sidecar.journal")
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0  # seconds between two tries while the destination is away


class Undelivered(Exception):
    """The destination didn't take the lines; the text says why, without secrets."""


class Destination(Protocol):
    """Where lines go. Called in the follower's thread, but for ``abort``."""

    @property
    def name(self) -> str: ...

    @property
    def most(self) -> int:
        """Lines that it takes at once."""

    def deliver(self, log: str, lines: list[bytes]) -> None:
        """Have *lines* of the log of that name at their place. Raise ``Undelivered`` or ``OSError``."""

    def abort(self) -> None:
        """Let a ``deliver`` that waits fail soon. Any thread."""

    def close(self) -> None:
        """Nothing more is delivered."""


class Follower:
    """One destination's thread."""

    def __init__(self, destination: Destination, tails: Sequence[Tail], *, settle: float = 0.0) -> None:
        """The thread waits *settle* seconds at its start: what it imports shouldn't delay the first answers."""
        self._destination = destination
        self._tails = tails
        self._settle = settle
        self._news = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"journal-{destination.name}", daemon=True)
        self.failure: str | None = None
        """Why nothing is delivered at the moment."""

    @property
    def name(self) -> str:
        return self._destination.name

    def behind(self, last: Mapping[str, int]) -> int:
        """How many lines aren't delivered yet, given each log's *last* sequence number."""
        return sum(max(0, last[tail.log] - tail.seq) for tail in self._tails)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """There are new lines. Any thread."""
        self._news.set()

    def close(self, seconds: float) -> None:
        """Deliver what is there, for at most *seconds*, and stop."""
        self._stop.set()
        self._news.set()
        if self._thread.ident is None:
            self._thread.start()
        self._thread.join(seconds)
        if self._thread.is_alive():
            self._destination.abort()
            self._thread.join(_FIRST_PAUSE)

    def _run(self) -> None:
        self._stop.wait(self._settle)
        pause = _FIRST_PAUSE
        stopping = False
        while not stopping:
            stopping = self._stop.is_set()
            self._news.clear()
            if self._bring():
                pause = _FIRST_PAUSE
                if not stopping:
                    self._news.wait()
            else:
                self._stop.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
        self._destination.close()
        for tail in self._tails:
            tail.close()

    def _bring(self) -> bool:
        """Deliver all that is there; whether it was taken."""
        try:
            for tail in self._tails:
                while lines := tail.read(self._destination.most):
                    self._destination.deliver(tail.log, lines)
                    tail.advance(lines)
        except Undelivered as why:
            return self._fails(str(why))
        except OSError as error:
            return self._fails(error.strerror or str(error))
        except Exception as error:  # noqa: BLE001 - a mistake in here is said, and must not end the delivery for good
            _log.debug("journal: %s", self.name, exc_info=True)
            return self._fails(repr(error))
        if self.failure is not None:
            _log.warning("journal: %s takes events again", self.name)
            self.failure = None
        return True

    def _fails(self, why: str) -> bool:
        """Say so once, until it works again."""
        if self.failure is None:
            _log.error("journal: %s doesn't take events: %s. They stay in the audit log", self.name, why)
        self.failure = why
        return False
