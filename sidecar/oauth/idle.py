"""Grants that their providers end where nobody uses them are renewed now and then, so that a user who said yes doesn't
find it forgotten."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping

from sidecar.errors import GrantDead, Refusal
from sidecar.oauth.broker import Broker
from sidecar.oauth.catalog.entry import Entry
from sidecar.vault.grant import At, Grant
from sidecar.vault.vault import Vault

log = logging.getLogger(__name__)

SWEEP_SECONDS = 6 * 3600.0
"""How often grants are looked through."""
_SHARE = 4
"""A grant is renewed when this share of the time is over after which an unused one ends."""


def due(entry: Entry, grant: Grant, now: float) -> bool:
    """Whether *grant* has to be renewed for its own sake: the provider is known to end what isn't used, or said of this
    one's refresh token when that ends. Its token's end says when it was last done."""
    if grant.dead or grant.refresh_token is None:
        return False
    last = max(grant.since if grant.expires is None else grant.expires, grant.since)
    times = [entry.renewal.idle, None if grant.refresh_expires is None else grant.refresh_expires - last]
    idle = min((each for each in times if each is not None), default=None)
    return idle is not None and now - last > idle / _SHARE


async def sweep(vault: Vault, brokers: Mapping[At, Broker], clock: Callable[[], float]) -> int:
    """Renew what is due of all that the vault keeps; return how much that was. What fails is tried at the next sweep.
    Raise ``VaultUnavailable``."""
    renewed = 0
    async for grant in vault.all():
        broker = brokers.get(grant.place.at)
        if broker is None:
            continue
        try:
            renewed += await broker.keep_alive(grant, lambda entry, grant: due(entry, grant, clock()))
        except GrantDead:
            continue  # told and latched where it was found out
        except Refusal as refusal:
            log.warning("a grant that nobody uses could not be renewed: %s", refusal.reason)
    return renewed


async def keep(
    vault: Callable[[], Vault],
    brokers: Callable[[], Iterable[Broker]],
    clock: Callable[[], float],
    seconds: float = SWEEP_SECONDS,
) -> None:
    """``sweep`` every so many *seconds*, until cancelled. *vault* and *brokers* are asked for each time."""
    while True:
        await asyncio.sleep(seconds)
        try:
            there = {await broker.at(): broker for broker in brokers()}
            if there and (renewed := await sweep(vault(), there, clock)):
                log.info("%d grants that nobody has used for long were renewed", renewed)
        except Refusal as refusal:
            log.warning("grants that nobody uses could not be looked through: %s", refusal.reason)
