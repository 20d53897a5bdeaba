"""A store that is away: refused to whoever asks, and logged once."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from sidecar.errors import VaultUnavailable
from sidecar.vault.store import Unavailable, Unusable

log = logging.getLogger(__name__)

RETRY_AFTER = 1
"""Seconds, told to who meets it; and how often what has to be kept is tried again."""


class Outage:
    def __init__(self) -> None:
        self._away = False

    @contextmanager
    def refused(self) -> Iterator[None]:
        """The store's errors inside become ``VaultUnavailable``."""
        try:
            yield
        except (Unavailable, Unusable) as error:
            self.say(error)
            raise VaultUnavailable(str(error), retry_after=RETRY_AFTER) from error
        if self._away:
            self._away = False
            log.info("the vault is available again")

    def say(self, error: Exception) -> None:
        if not self._away:
            self._away = True
            log.warning("the vault is not available: %s", error)
