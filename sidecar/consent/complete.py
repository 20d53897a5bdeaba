"""``POST /consents/{session}/complete``: an application proves whose consent it was, with its user's own token and the
code that the callback put on its return URL."""

from collections.abc import Mapping
from typing import Any

from sidecar.consent import ending, record
from sidecar.consent.attempts import Astray, Step
from sidecar.consent.surroundings import Redemption, Surroundings
from sidecar.errors import BadRequest, NotPermitted, TokenMissing
from sidecar.identity.principal import Kind
from sidecar.wire.strict import json_object

MOST_BYTES = 4096


class NotCompletable(NotPermitted):
    title = "There is no consent to complete with this."
    mend = "Use the code once, within ten minutes, with the token of the user who opened the link."


class BadBody(BadRequest):
    title = "The body is not what this call takes."
    mend = 'Send JSON: {"code": "…"} with the consent_code of the return URL.'


async def complete(
    surroundings: Surroundings, session_id: str, authorization: str | None, body: bytes
) -> Mapping[str, Any]:
    """Raise a ``Refusal``; where the user isn't the one who was asked, the code is good for nothing any more."""
    code = _code(body)
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise TokenMissing("no bearer token")
    principal = await surroundings.verify(token.strip().encode("utf-8", "surrogateescape"))
    session = surroundings.sessions.find(session_id)
    if session is None:
        raise NotCompletable("no such session, or an expired one")
    try:
        attempt = surroundings.attempts.take(code, Step.COMPLETE, session.provider, None)
    except Astray as astray:
        raise NotCompletable(str(astray)) from None
    if attempt.session is not session or not surroundings.sessions.pending(session):
        raise NotCompletable("another session's code, or a session that is over")
    if principal.id != session.principal.id or principal.kind is not Kind.USER or principal.via is not None:
        record.denied(surroundings, session, "somebody else's token")
        raise NotCompletable("the token's user is not the session's principal")
    redemption: Redemption = attempt.carried
    choice = await ending.spend(surroundings, session, redemption, attempt.browser, attempt.return_url)
    if choice is not None:
        url = f"{surroundings.place.url('connect', session.id, 'account')}?choice={choice}"
        return {"status": session.status.value, "confirm_url": url}
    return {"status": session.status.value, "scopes": sorted(session.granted), "missing": sorted(session.missing)}


def _code(body: bytes) -> str:
    try:
        code = json_object(body).get("code")
    except ValueError:
        code = None
    if not isinstance(code, str):
        raise BadBody("no JSON object with a code")
    return code
