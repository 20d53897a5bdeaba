"""Sends a browser to its user's issuer, and finds out who comes back."""

from sidecar.consent import login, pages
from sidecar.consent.attempts import Astray, Attempt, Step
from sidecar.consent.frame import Page
from sidecar.consent.html import shown
from sidecar.consent.sessions import Session
from sidecar.consent.surroundings import Surroundings
from sidecar.consent.visit import Failed, Visit
from sidecar.consent.visitors import digest
from sidecar.errors import IssuerUnreachable, Refusal
from sidecar.identity.issuer import Issuer
from sidecar.identity.principal import Principal
from sidecar.secret import Secret
from sidecar.wire.http import Request, Response, Unreachable
from sidecar.wire.strict import base64url_encode

KNOWN_SECONDS = 60.0
"""How long it is believed where an issuer's users sign in."""


def drawn(surroundings: Surroundings) -> Secret:
    """256 bits that nobody can guess: a nonce, a PKCE verifier (RFC 7636, section 4.1)."""
    return Secret(base64url_encode(surroundings.random(32)).decode())


async def send(
    visit: Visit, issuer: Issuer, session: Session | None, return_url: str | None = None, *, afresh: bool = False
) -> Page:
    """On to *issuer*'s sign-in. Raise ``Failed``."""
    surroundings = visit.surroundings
    try:
        at = await _endpoints(surroundings, issuer)
    except Refusal as refusal:
        raise failed(refusal, session, visit) from refusal
    nonce, verifier = drawn(surroundings), drawn(surroundings)
    attempt = Attempt(
        Step.LOGIN, issuer.name, digest(visit.known()), session, return_url, verifier=verifier, nonce=nonce
    )
    url = login.authorize(
        issuer,
        at,
        redirect_uri=surroundings.place.url("login", issuer.name),
        state=surroundings.attempts.open(attempt),
        nonce=nonce,
        verifier=verifier,
        afresh=afresh,
    )
    return pages.onward(f"sign-in with {shown(issuer.name)}", url)


async def returned(visit: Visit, name: str) -> tuple[Attempt, Principal]:
    """Who has signed in, and what for. Raise ``Failed``; until the user is proved, nothing has changed."""
    surroundings = visit.surroundings
    visit.require_arrival()
    issuer = surroundings.issuers.get(name)
    if issuer is None or not login.able(issuer):
        raise Failed("unknown", "an issuer without sign-in")
    try:
        attempt = surroundings.attempts.take(visit.query.get("state", ""), Step.LOGIN, name, visit.browser_digest)
    except Astray as astray:
        raise Failed("astray", f"sign-in at {name}: {astray}") from None
    try:
        at = await _endpoints(surroundings, issuer)
        if not login.answered_by(issuer, at, visit.query.get("iss")):
            raise Failed("astray", f"sign-in at {name}: another issuer's answer (iss)", again=_again(attempt, visit))
        if "error" in visit.query:
            raise Failed("not_signed_in", f"sign-in at {name} was refused", again=_again(attempt, visit))
        if not (code := visit.query.get("code")):
            raise Failed("astray", f"sign-in at {name}: no code", again=_again(attempt, visit))
        return attempt, await _user(surroundings, issuer, at, attempt, code)
    except Refusal as refusal:
        raise failed(refusal, attempt.session, visit) from refusal


async def _user(
    surroundings: Surroundings, issuer: Issuer, at: login.Endpoints, attempt: Attempt, code: str
) -> Principal:
    redirect_uri = surroundings.place.url("login", issuer.name)
    answer = Response(0, {}, b"")
    for method in at.methods:
        request = login.redeem(issuer, at, method, code=code, redirect_uri=redirect_uri, verifier=attempt.verifier)
        answer = await _fetch(surroundings, issuer, request)
        if not login.unproved(answer):
            break
    token = login.id_token(answer, issuer)
    key = await surroundings.keys.find(issuer, token.header)
    return login.user(token, issuer, key, attempt.nonce, surroundings.clock())


async def _endpoints(surroundings: Surroundings, issuer: Issuer) -> login.Endpoints:
    """Asked for once a minute at most: anybody may begin a sign-in."""
    since, known = surroundings.discovered.get(issuer.name, (float("-inf"), None))
    if known is not None and surroundings.clock() - since < KNOWN_SECONDS:
        return known
    if issuer.discovery_url is None:
        raise IssuerUnreachable(f"{issuer.name} has no discovery document")
    answer = await _fetch(surroundings, issuer, Request(issuer.discovery_url, most=login.MOST_BYTES))
    found = login.endpoints(answer.body, issuer)
    surroundings.discovered[issuer.name] = surroundings.clock(), found
    return found


async def _fetch(surroundings: Surroundings, issuer: Issuer, request: Request) -> Response:
    try:
        return await surroundings.fetch(request)
    except Unreachable as error:
        raise IssuerUnreachable(f"sign-in at {issuer.name}: {error}") from error


def failed(refusal: Refusal, session: Session | None, visit: Visit) -> Failed:
    """What the user is shown for what an issuer did."""
    again = visit.surroundings.place.path(*(("connect", session.id) if session is not None else ("accounts",)))
    return Failed("issuer", f"{refusal.code}: {refusal.reason}", again=again)


def _again(attempt: Attempt, visit: Visit) -> str:
    steps = ("connect", attempt.session.id) if attempt.session is not None else ("accounts",)
    return visit.surroundings.place.path(*steps)
