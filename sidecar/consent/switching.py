"""Another account was chosen than the one that is connected: the user says which one is meant."""

from collections.abc import Mapping

from sidecar.consent import ending, pages
from sidecar.consent.attempts import Attempt, Step
from sidecar.consent.ending import Switch
from sidecar.consent.question import provider_failed, question, session_of, to_session
from sidecar.consent.sessions import Session, Status
from sidecar.consent.visit import Answer, Failed, Visit
from sidecar.errors import Refusal


async def account(visit: Visit, session_id: str) -> Answer:
    """``GET /connect/{session}/account``: another account than before, is that meant?"""
    session, attempt = _choice(visit, session_id, visit.query)
    chosen: Switch = attempt.carried
    form = visit.a_form("connect", session.id, "account", choice=visit.query["choice"])
    asked = await question(visit, session, session.scopes)
    return pages.other_account(asked, chosen.before, chosen.offer.grant.label, form, visit.signed)


async def decide(visit: Visit, session_id: str) -> Answer:
    """``POST /connect/{session}/account``."""
    surroundings = visit.surroundings
    visit.require_own_form(again=surroundings.place.path("accounts"))
    session, attempt = _choice(visit, session_id, visit.form)
    use = visit.form.get("use")
    if use not in ("new", "old"):
        raise Failed("form", "no decision", again=surroundings.place.path("accounts"))
    chosen: Switch = attempt.carried
    surroundings.attempts.take(visit.form["choice"], Step.ACCOUNT, session.provider, visit.browser_digest)
    try:
        await ending.switch(surroundings, session, chosen, use_new=use == "new")
    except Refusal as refusal:
        raise provider_failed(refusal, surroundings.place.path("connect", session.id)) from refusal
    return to_session(visit, session, attempt.return_url)


def _choice(visit: Visit, session_id: str, given: Mapping[str, str]) -> tuple[Session, Attempt]:
    session = session_of(visit, session_id)
    value = given.get("choice", "")
    attempt = visit.surroundings.attempts.look(value, Step.ACCOUNT, session.provider, visit.browser_digest)
    if attempt is None or attempt.session is not session or session.status is not Status.PENDING:
        raise Failed("astray", "no decision about an account is due in this browser")
    return session, attempt
