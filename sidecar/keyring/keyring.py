"""The keys of all issuers: discovered, held, and refreshed off the request's way."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sidecar.identity.issuer import Issuer
from sidecar.identity.key import Key
from sidecar.keyring.source import Source, State
from sidecar.wire.http import Fetch


class Keyring:
    """``run`` is the only one that fetches: ``find`` waits for it, so it has to be running."""

    def __init__(
        self,
        issuers: Iterable[Issuer],
        fetch: Fetch,
        *,
        clock: Callable[[], float],
        refresh: float,
        max_stale: float,
        changed: Callable[[Issuer], None],
        before: "Keyring | None" = None,
    ) -> None:
        """*clock* gives epoch seconds; *refresh* and *max_stale* are seconds; *changed* is called when an issuer has
        withdrawn a key. From the keyring *before*, made with the same *fetch* and times, the keys of issuers that are
        as they were are taken over: a reload during an outage must not lose them."""
        self.changed = changed
        self._sources: dict[str, Source] = {}
        for issuer in issuers:
            source = before._sources.get(issuer.name) if before is not None else None
            if source is None or source.issuer != issuer:
                source = Source(issuer, fetch, clock=clock, refresh=refresh, max_stale=max_stale, changed=self._tell)
            source.changed = self._tell
            self._sources[issuer.name] = source

    def _tell(self, issuer: Issuer) -> None:
        self.changed(issuer)

    def key(self, issuer: Issuer, header: Mapping[str, Any]) -> Key | None:
        """The one held key that fits a token's header."""
        return self._sources[issuer.name].key(header)

    async def find(self, issuer: Issuer, header: Mapping[str, Any]) -> Key:
        """As ``key``; for a key that is not held, wait for a newer set. Raise ``SignatureInvalid`` where there is no
        such key, and ``IssuerUnreachable``, within a second where none was ever had."""
        return await self._sources[issuer.name].find(header)

    async def run(self) -> None:
        """Fetch every issuer's keys at once and keep them fresh, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for source in self._sources.values():
                group.create_task(source.keep())

    @property
    def tried(self) -> bool:
        """Whether keys of every issuer were fetched, or couldn't be."""
        return all(state.keys or state.failure for state in self.states().values())

    def states(self) -> Mapping[str, State]:
        return {name: source.state() for name, source in self._sources.items()}
