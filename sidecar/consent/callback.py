"""The provider sends the browser back (RFC 6749, section 4.1.2; RFC 9207): what it brings is spent, declined, or handed
to the application that proves the user."""

from urllib.parse import urlencode, urlsplit

from sidecar.consent import ending
from sidecar.consent.attempts import Astray, Attempt, Step
from sidecar.consent.question import entry_of, provider_failed, to_session
from sidecar.consent.sessions import Session
from sidecar.consent.surroundings import Redemption
from sidecar.consent.visit import Answer, Failed, Redirect, Visit
from sidecar.errors import Refusal
from sidecar.oauth.catalog.entry import Entry
from sidecar.secret import Secret

_NO = frozenset(
    {"access_denied", "user_denied", "consent_declined", "user_cancelled_authorize", "user_cancelled_login"}
)
"""By which providers say that the user said no (RFC 6749, section 4.1.2.1; the others are theirs)."""
_ERRORS = frozenset(
    {
        "invalid_request",
        "unauthorized_client",
        "unsupported_response_type",
        "invalid_scope",
        "invalid_target",
        "server_error",
        "temporarily_unavailable",
        "interaction_required",
        "login_required",
        "account_selection_required",
        "consent_required",
    }
)
"""What else a browser is sent back with (the same; RFC 8707, section 2; OpenID Connect Core, section 3.1.2.6)."""


async def called_back(visit: Visit, name: str) -> Answer:
    """``GET /callback/{provider}``: the provider sends the browser back."""
    surroundings = visit.surroundings
    visit.require_arrival()
    try:
        attempt = surroundings.attempts.take(visit.query.get("state", ""), Step.PROVIDER, name, visit.browser_digest)
    except Astray as astray:
        raise Failed("astray", f"callback of {name}: {astray}") from None
    session = attempt.session
    if session is None or not surroundings.sessions.pending(session):
        raise Failed("over", "the session is over")
    _, entry = await entry_of(visit, session)
    if not answered_by(entry, visit.query.get("iss")):
        again = surroundings.place.path("connect", session.id)
        raise Failed("astray", f"callback of {name}: another server's answer (iss)", again=again)
    if "error" in visit.query:
        return _declined(visit, session, attempt)
    return await _brought(visit, session, attempt)


async def _brought(visit: Visit, session: Session, attempt: Attempt) -> Answer:
    """The provider sent a code."""
    surroundings, name = visit.surroundings, session.provider
    again = surroundings.place.path("connect", session.id)
    if not (code := visit.query.get("code")):
        raise Failed("astray", f"callback of {name}: no code", again=again)
    redirect_uri = surroundings.place.url("callback", name)
    redemption = Redemption(Secret(code), redirect_uri, attempt.verifier, attempt.nonce)
    if not attempt.proved:
        return _to_application(visit, session, attempt, redemption)
    try:
        choice = await ending.spend(surroundings, session, redemption, attempt.browser, attempt.return_url)
    except Refusal as refusal:
        raise provider_failed(refusal, again) from refusal
    if choice is not None:
        return to_session(visit, session, attempt.return_url, "account", choice=choice)
    return to_session(visit, session, attempt.return_url)


def answered_by(entry: Entry, iss: str | None) -> bool:
    """Whether the answer is the provider's own, as far as it says so (RFC 9207, section 2.4). Of a provider that isn't
    known by an issuer's name nothing can be compared: that each has a redirect URI of its own has to do (RFC 9700,
    section 4.4.2.2)."""
    if iss is None:
        return not entry.says_iss
    if entry.issuer is None:
        return True
    before, template, after = entry.issuer.partition("{tenantid}")
    if not template:
        return iss == entry.issuer
    tenant = iss.removeprefix(before).removesuffix(after)
    return iss == before + tenant + after and tenant.replace("-", "").isalnum()


def _declined(visit: Visit, session: Session, attempt: Attempt) -> Answer:
    """The provider sent an error instead of a code."""
    surroundings = visit.surroundings
    said_no = visit.query["error"] in _NO
    if said_no:
        try:
            ending.deny(surroundings, session, "the user said no at the provider")
        except Refusal as refusal:
            raise provider_failed(refusal, None) from refusal
    if attempt.return_url is not None and not attempt.proved:
        outcome = "access_denied" if said_no else "provider_failed"
        return Redirect(with_query(attempt.return_url, consent_session=session.id, consent_error=outcome))
    if said_no:
        return to_session(visit, session, attempt.return_url)
    again = surroundings.place.path("connect", session.id)
    error = visit.query["error"]
    told = f"the error {error}" if error in _ERRORS else "an error"  # of any other, who sent it is anybody's guess
    raise Failed("provider", f"callback of {session.provider}: {told}", again=again)


def _to_application(visit: Visit, session: Session, attempt: Attempt, redemption: Redemption) -> Redirect:
    """Nobody is proved yet: the application proves its user with the code that it is given here."""
    if attempt.return_url is None:
        raise Failed("unable", "neither a sign-in nor a return URL")
    waiting = Attempt(Step.COMPLETE, session.provider, attempt.browser, session, attempt.return_url, carried=redemption)
    code = visit.surroundings.attempts.open(waiting)
    return Redirect(with_query(attempt.return_url, consent_session=session.id, consent_code=code))


def with_query(url: str, **more: str) -> str:
    """*url*, which is a configured one, with *more* in its query."""
    return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(more)}"
