"""From the link to the provider: who asks, for what, and who are you.

The code that the provider sends back is spent only once the browser's user is known to be the session's principal: by a
sign-in at the principal's own issuer before the browser is sent to the provider, or afterwards by the application
(``complete``).
"""

import hmac

from sidecar.consent import failures, login, pages, record, sign_in
from sidecar.consent.attempts import Attempt, Step
from sidecar.consent.frame import Page
from sidecar.consent.pages import Outcome
from sidecar.consent.question import carried, entry_of, is_principal, provider_failed, question, session_of
from sidecar.consent.sessions import Session, Status
from sidecar.consent.visit import Answer, Failed, Redirect, Visit
from sidecar.consent.visitors import digest
from sidecar.consent.words import allowed, named
from sidecar.errors import Refusal
from sidecar.identity.issuer import Issuer
from sidecar.oauth import flow


async def show(visit: Visit, session_id: str) -> Answer:
    """``GET /connect/{session}``: what is asked, or what came of it. Changes nothing."""
    session = session_of(visit, session_id)
    if session.status in (Status.GRANTED, Status.DENIED):
        return await _result(visit, session)
    issuer, return_url = _way(visit, session, visit.query.get("return_url"))
    asked = await question(visit, session, session.scopes)
    form = visit.a_form("connect", session.id, **carried(return_url))
    asks = issuer is not None and not is_principal(visit, session)
    return pages.start(asked, form, sign_in=issuer.name if issuer is not None and asks else None, signed=visit.signed)


async def begin(visit: Visit, session_id: str) -> Answer:
    """``POST /connect/{session}``: on to the issuer, or to the provider where nobody is left to prove."""
    session = session_of(visit, session_id)
    visit.require_own_form(again=visit.surroundings.place.path("connect", session.id))
    if session.status is not Status.PENDING:
        raise Failed("over", "the session is over")
    issuer, return_url = _way(visit, session, visit.form.get("return_url"))
    if issuer is None or is_principal(visit, session):
        return await to_provider(visit, session, return_url, proved=issuer is not None)
    afresh = visit.visitor is not None or visit.form.get("again") == "yes"
    return await sign_in.send(visit, issuer, session, return_url, afresh=afresh)


async def signed_in(visit: Visit, issuer: str) -> Answer:
    """``GET /login/{issuer}``: the issuer sends the browser back."""
    surroundings = visit.surroundings
    attempt, principal = await sign_in.returned(visit, issuer)
    visit.signs_in(surroundings.visitors.sign_in(principal, visit.signed_cookie))
    session = attempt.session
    if session is None:
        return Redirect(surroundings.place.path("accounts"))
    if not surroundings.sessions.pending(session):
        raise Failed("over", "the session is over")
    if not hmac.compare_digest(principal.id, session.principal.id):
        _refused(visit, session, "somebody else signed in")
        again = visit.a_form("connect", session.id, again="yes", **carried(attempt.return_url))
        raise Failed("someone_else", "another user than the session's principal", again=again)
    return await to_provider(visit, session, attempt.return_url, proved=True)


async def to_provider(visit: Visit, session: Session, return_url: str | None, *, proved: bool) -> Page:
    """On to the provider's consent. Raise ``Failed``."""
    surroundings = visit.surroundings
    provider, entry = await entry_of(visit, session)
    verifier, nonce = sign_in.drawn(surroundings), sign_in.drawn(surroundings)
    attempt = Attempt(
        Step.PROVIDER,
        provider.name,
        digest(visit.known()),
        session,
        return_url,
        proved=proved,
        verifier=verifier,
        nonce=nonce,
    )
    url = flow.authorize(
        entry,
        provider,
        redirect_uri=surroundings.place.url("callback", provider.name),
        state=surroundings.attempts.open(attempt),
        verifier=verifier.reveal(),
        scopes=session.scopes,
        nonce=nonce.reveal(),
        login_hint=session.principal.email if proved else None,
    )
    return pages.onward(named(provider), url)


def _way(visit: Visit, session: Session, return_url: str | None) -> tuple[Issuer | None, str | None]:
    """Where the user signs in, ``None``: the application proves who it is; and the application's return URL. Raise
    ``Failed``."""
    surroundings = visit.surroundings
    if return_url is not None and return_url not in surroundings.return_urls:
        raise Failed("return_url", "a return URL that isn't configured")
    issuer = surroundings.issuers.get(session.principal.issuer)
    if issuer is not None and login.able(issuer):
        return issuer, return_url
    if return_url is None and len(surroundings.return_urls) == 1:
        return_url = next(iter(surroundings.return_urls))
    if return_url is None:
        raise Failed("unable", "neither a sign-in nor a return URL")
    return None, return_url


async def _result(visit: Visit, session: Session) -> Page:
    """What came of a session that is over, to its principal alone."""
    surroundings = visit.surroundings
    if not is_principal(visit, session):
        raise Failed("over", "the session is over")
    back = visit.query.get("return_url")
    back = back if back in surroundings.return_urls else None
    if not session.granted and session.status is Status.DENIED:
        what = "kept" if session.kept else "denied"
        return failures.page(what, surroundings.place.path("accounts"), back=back, signed=visit.signed)
    asked = await question(visit, session, session.granted)
    _, entry = await entry_of(visit, session)
    outcome = Outcome(asked, session.account, allowed(session.missing, entry))
    return pages.done(outcome, surroundings.place, back=back, signed=visit.signed)


def _refused(visit: Visit, session: Session, reason: str) -> None:
    """Recorded, and the session goes on: who isn't asked can't answer."""
    try:
        record.denied(visit.surroundings, session, reason)
    except Refusal as refusal:
        raise provider_failed(refusal, None) from refusal
