"""What the steps of consent have in common: the question, in words, and what is shown where it fails."""

from http import HTTPStatus
from urllib.parse import urlencode

from sidecar.consent import ending, login
from sidecar.consent.html import shown
from sidecar.consent.pages import Question
from sidecar.consent.sessions import Session, Status
from sidecar.consent.visit import Failed, Redirect, Visit
from sidecar.consent.words import allowed, named
from sidecar.errors import NotPermitted, RateLimited, Refusal
from sidecar.identity.issuer import Issuer
from sidecar.oauth.catalog.entry import Entry
from sidecar.oauth.provider import Provider


def possible(issuer: Issuer | None, return_urls: frozenset[str]) -> bool:
    """Whether users of *issuer* can be asked at all."""
    return (issuer is not None and login.able(issuer)) or bool(return_urls)


def session_of(visit: Visit, session_id: str) -> Session:
    """Raise ``Failed``."""
    session = visit.surroundings.sessions.find(session_id)
    if session is None or session.status is Status.EXPIRED or session.provider not in visit.surroundings.providers:
        raise Failed("gone", "no such session, or an expired one")
    return session


def is_principal(visit: Visit, session: Session) -> bool:
    """Whether whom the session asks has signed in with this browser."""
    return visit.visitor is not None and visit.visitor.principal.id == session.principal.id


async def entry_of(visit: Visit, session: Session) -> tuple[Provider, Entry]:
    """Raise ``Failed``."""
    try:
        provider = ending.provider_of(visit.surroundings, session)
        return provider, await visit.surroundings.grants.entry(provider)
    except Refusal as refusal:
        raise provider_failed(refusal, visit.surroundings.place.path("connect", session.id)) from refusal


async def question(visit: Visit, session: Session, scopes: frozenset[str]) -> Question:
    """Raise ``Failed``."""
    surroundings = visit.surroundings
    provider, entry = await entry_of(visit, session)
    told = surroundings.told(session.principal, provider, session.scopes)
    return Question(shown(surroundings.place.agent), named(provider), allowed(scopes, entry), told)


def carried(return_url: str | None) -> dict[str, str]:
    """The return URL as forms and queries of ours have it."""
    return {"return_url": return_url} if return_url is not None else {}


def to_session(visit: Visit, session: Session, return_url: str | None, *steps: str, **more: str) -> Redirect:
    """On to a page of *session*'s."""
    query = {**more, **carried(return_url)}
    path = visit.surroundings.place.path("connect", session.id, *steps)
    return Redirect(f"{path}?{urlencode(query)}" if query else path)


def provider_failed(refusal: Refusal, again: str | None) -> Failed:
    """What the user is shown for what a provider, the vault or the journal did."""
    reason = f"{refusal.code}: {refusal.reason}"
    if isinstance(refusal, NotPermitted):
        return Failed("gone", reason)
    busy = refusal.status == HTTPStatus.SERVICE_UNAVAILABLE or isinstance(refusal, RateLimited)
    return Failed("busy" if busy else "provider", reason, again=again)
