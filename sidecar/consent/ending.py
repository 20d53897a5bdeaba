"""What happens once a user has been proved and has agreed: the code is spent, the grant compared, kept and recorded."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from sidecar.consent import record
from sidecar.consent.attempts import Attempt, Step
from sidecar.consent.sessions import Session
from sidecar.consent.surroundings import Offer, Redemption, Surroundings
from sidecar.errors import NotPermitted, Refusal
from sidecar.oauth.provider import Provider
from sidecar.vault.grant import Grant

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Switch:
    """Another account was granted than the one that is connected."""

    offer: Offer = field(repr=False)
    before: str = field(repr=False)
    """How the one before is shown."""
    provider: Provider
    """Of the offer, which can be given back even after a reload has removed it."""


async def spend(
    surroundings: Surroundings, session: Session, redemption: Redemption, browser: bytes, return_url: str | None
) -> str | None:
    """Spend the code of a user who is *session*'s principal, and keep what is granted; where it is of another account
    than before, return what the user has to decide with (step ``ACCOUNT``) instead. Raise a ``Refusal``: nothing is
    kept."""
    provider = provider_of(surroundings, session)
    offer = await surroundings.grants.redeem(provider, session.owner, session.scopes, redemption)
    if offer.missing and not offer.grant.place.scopes:
        await _nothing(surroundings, session, provider, offer)
        return None
    try:
        others = await _others(surroundings, session, offer.grant)
        if not others:
            await keep(surroundings, session, offer, ())
            return None
    except Refusal:
        await surroundings.grants.discard(provider, offer.grant)
        raise
    before = next((grant.label for grant in others if grant.alive), others[0].label)
    attempt = Attempt(
        Step.ACCOUNT, provider.name, browser, session, return_url, proved=True, carried=Switch(offer, before, provider)
    )
    return surroundings.attempts.open(attempt)


async def _nothing(surroundings: Surroundings, session: Session, provider: Provider, offer: Offer) -> None:
    """The user granted nothing of what was asked for, and has said no: nothing is connected. Raise
    ``AuditUnavailable``."""
    try:
        deny(surroundings, session, "the user granted nothing of what was asked")
    finally:
        await surroundings.grants.discard(provider, offer.grant)


async def keep(surroundings: Surroundings, session: Session, offer: Offer, instead_of: Sequence[Grant]) -> None:
    """Raise a ``Refusal``: it isn't kept."""
    provider, grant = provider_of(surroundings, session), offer.grant
    record.granted(surroundings, session, grant.place.scopes, whole=not offer.missing)
    if instead_of:
        record.replaced(surroundings, session, frozenset().union(*(each.place.scopes for each in instead_of)))
    try:
        await surroundings.grants.keep(provider, grant, instead_of)
    except Refusal:
        record.denied(surroundings, session, "it could not be kept")
        raise
    session.grant(grant.place.scopes, offer.missing, grant.label)
    surroundings.attempts.end(session)
    surroundings.wishes.granted(session.owner, session.provider, offer.missing)


async def switch(surroundings: Surroundings, session: Session, choice: Switch, *, use_new: bool) -> None:
    """The user has decided for one of two accounts. Raise a ``Refusal``: the old one stays, the new one is given
    back."""
    provider, offer = choice.provider, choice.offer
    try:
        if use_new:
            await keep(surroundings, session, offer, await _others(surroundings, session, offer.grant))
            return
        deny(surroundings, session, "kept the account that was connected before", kept=True)
    except Refusal:
        await surroundings.grants.discard(provider, offer.grant)
        raise
    await surroundings.grants.discard(provider, offer.grant)


async def undecided(surroundings: Surroundings, attempt: Attempt) -> None:
    """Nobody comes back to *attempt*: where the user was to decide for one of two accounts, the old one stays, and the
    new one is given back."""
    choice = attempt.carried
    if not isinstance(choice, Switch) or attempt.session is None:
        return
    try:
        record.denied(surroundings, attempt.session, "nobody decided for another account")
    except Refusal as refusal:
        log.warning("that nobody decided for another account could not be recorded: %s", refusal.reason)
    await surroundings.grants.discard(choice.provider, choice.offer.grant)


def deny(surroundings: Surroundings, session: Session, reason: str, *, kept: bool = False) -> None:
    """Raise ``AuditUnavailable``."""
    record.denied(surroundings, session, reason)
    session.deny(kept=kept)
    surroundings.attempts.end(session)


def provider_of(surroundings: Surroundings, session: Session) -> Provider:
    """Raise ``NotPermitted`` where a reload has removed it."""
    provider = surroundings.providers.get(session.provider)
    if provider is None:
        raise NotPermitted(f"{session.provider} is configured no more")
    return provider


async def _others(surroundings: Surroundings, session: Session, grant: Grant) -> Sequence[Grant]:
    """Those of the same provider with another account."""
    held = await surroundings.grants.held(session.owner)
    return [each for each in held.get(session.provider, ()) if each.account != grant.account]
