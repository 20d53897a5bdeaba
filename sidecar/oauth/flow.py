"""The messages by which a user grants an agent something (RFC 6749, section 4.1; RFC 7636), the grant is renewed
(section 6) and given back (RFC 7009). Pure: what a provider does differently is its ``Entry``'s."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from sidecar.errors import GrantDead, InteractionRequired, ProviderRefused, Refusal
from sidecar.oauth import account, messages
from sidecar.oauth.account import Account
from sidecar.oauth.catalog.entry import Entry
from sidecar.oauth.catalog.scopes import missing, named
from sidecar.oauth.messages import Reading, Way
from sidecar.oauth.provider import Provider
from sidecar.secret import Secret
from sidecar.vault.grant import Grant
from sidecar.wire.http import Request, Response
from sidecar.wire.strict import base64url_encode, json_object

SECONDS = 10.0
"""What a call to the provider may take, unless it is said."""
CODE, RENEWAL = "authorization_code", "refresh_token"


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a provider gave."""

    access_token: Secret
    refresh_token: Secret | None
    """To a renewal that brought none, the old one: it goes on being good (RFC 6749, section 6)."""
    expires: float | None
    """Of the access token, epoch seconds; ``None``: never, or it isn't said."""
    scopes: frozenset[str]
    """Those granted, in the provider's form, without those that are asked for with every grant."""
    missing: frozenset[str]
    """Those asked for and not granted."""
    account: Account | None = None
    """``None``: ask with ``account.request``, which has nothing to ask where nobody says it, and of a renewal."""
    token_type: str = "Bearer"  # noqa: S105 - RFC 6750's word
    refresh_expires: float | None = None
    """Of the refresh token, epoch seconds, where it is said."""


def authorize(
    entry: Entry,
    provider: Provider,
    *,
    redirect_uri: str,
    state: str,
    verifier: str,
    scopes: frozenset[str],
    nonce: str | None = None,
    login_hint: str | None = None,
) -> str:
    """The URL that the user's browser is sent to. *verifier* is 43 to 128 unreserved characters, *scopes* are short
    names or the provider's own."""
    asked = named(entry, scopes) | entry.always
    sent = {"response_type": "code", "client_id": provider.client_id or "", "redirect_uri": redirect_uri}
    sent |= {"state": state, **entry.parameters}
    if entry.scoped and asked:
        sent[entry.scope_parameter] = entry.separator.join(sorted(asked))
    if entry.pkce:
        challenge = base64url_encode(hashlib.sha256(verifier.encode("ascii")).digest()).decode()
        sent |= {"code_challenge": challenge, "code_challenge_method": "S256"}
    if nonce is not None and "openid" in asked:
        sent["nonce"] = nonce
    if login_hint and entry.hint:
        sent[entry.hint] = login_hint
    parts = urlsplit(entry.authorize_url)
    query = "&".join(filter(None, (parts.query, urlencode(sent, quote_via=quote))))
    return urlunsplit(parts._replace(query=query))


def exchange(
    entry: Entry,
    provider: Provider,
    *,
    code: str,
    redirect_uri: str,
    verifier: str,
    scopes: frozenset[str] = frozenset(),
    assertion: str | None = None,
    seconds: float = SECONDS,
) -> Request:
    """Spend the code. *scopes* are told again where a token is for one resource alone (``scopes.apart``)."""
    form = {"grant_type": CODE, "code": code, "redirect_uri": redirect_uri}
    if entry.pkce:
        form["code_verifier"] = verifier
    return _asking(entry, provider, entry.token_url, {**form, **_resource(entry, scopes)}, assertion, seconds)


def refresh(
    entry: Entry,
    provider: Provider,
    refresh_token: Secret,
    scopes: frozenset[str] = frozenset(),
    *,
    assertion: str | None = None,
    seconds: float = SECONDS,
) -> Request:
    """Ask for a new access token: with the scopes of the grant, or where a token is for one resource alone, with
    *scopes*."""
    form = {"grant_type": RENEWAL, "refresh_token": refresh_token.reveal(), **_resource(entry, scopes)}
    return _asking(entry, provider, entry.refresh_url or entry.token_url, form, assertion, seconds)


def _resource(entry: Entry, scopes: frozenset[str]) -> Mapping[str, str]:
    asked = named(entry, scopes) | entry.always
    return {"scope": " ".join(sorted(asked))} if entry.resource and scopes else {}


def _asking(
    entry: Entry, provider: Provider, url: str, form: Mapping[str, str], assertion: str | None, seconds: float
) -> Request:
    headers = {"Accept": "application/json", **entry.headers}
    way = Way(entry.client_auth, plain=entry.plain_basic, as_json=entry.body == "json", headers=headers)
    return messages.proved(provider, url, {**form, **entry.token_parameters}, assertion, seconds, way)


_AGAIN = ("interaction_required", "consent_required", "login_required")
_CODE_MENDS = {
    "invalid_grant": "Begin again: the provider {0} doesn't take the code any more. If it persists, check that its "
    "client's redirect URI is this sidecar's, to the letter.",
    "invalid_request": "Check at the provider {0} that its client's redirect URI is this sidecar's, to the letter, and "
    "that the client may use the grant authorization_code.",
}


def granted(
    entry: Entry, provider: Provider, answer: Response, asked: frozenset[str], now: float, nonce: str | None = None
) -> Tokens:
    """Read the answer to ``exchange``. *nonce* is that of ``authorize``. Raise a ``Refusal``."""
    reading = Reading(entry.reads, {}, _CODE_MENDS)
    given = messages.granted(answer, provider.name, now, CODE, reading=reading)
    whose = account.in_answer(entry, provider, given.said, now, nonce)
    return _tokens(entry, given, asked, now, whose, None)


def stray(entry: Entry, provider: Provider, answer: Response, now: float) -> Tokens | None:
    """The tokens of an answer that ``granted`` doesn't take, good for being given back; ``None``: there are none."""
    try:
        given = messages.granted(answer, provider.name, now, CODE, reading=Reading(entry.reads))
    except Refusal:
        return None
    return _tokens(entry, given, frozenset(), now, None, None)


def refreshed(
    entry: Entry, provider: Provider, answer: Response, asked: frozenset[str], now: float, refresh_token: Secret
) -> Tokens:
    """Read the answer to ``refresh``, with *asked* the grant's scopes and *refresh_token* what was spent. Raise
    ``GrantDead`` for ``invalid_grant`` alone, ``InteractionRequired`` where the provider wants to see the user, and
    another ``Refusal`` for everything else: the grant is as it was."""
    mends = {"invalid_grant": "Have the user connect the account again: the provider {0} no longer honours the grant."}
    reading = Reading(entry.reads, {"invalid_grant": GrantDead, **dict.fromkeys(_AGAIN, InteractionRequired)}, mends)
    try:
        given = messages.granted(answer, provider.name, now, RENEWAL, reading=reading)
    except GrantDead as dead:
        raise GrantDead(f"{dead.reason}. {entry.renewal.dies}".rstrip(), mend=dead.detail) from dead
    return _tokens(entry, given, asked, now, None, refresh_token)


def _tokens(
    entry: Entry,
    given: messages.Granted,
    asked: frozenset[str],
    now: float,
    whose: Account | None,
    spent: Secret | None,
) -> Tokens:
    wanted = named(entry, asked)
    scopes = wanted if given.scopes is None else named(entry, given.scopes) - (entry.always - wanted)
    return Tokens(
        access_token=given.token,
        refresh_token=given.refresh_token or spent,
        expires=None if given.lifetime is None else now + given.lifetime,
        scopes=scopes,
        missing=missing(entry, wanted, scopes),
        account=whose,
        refresh_expires=None if given.refresh_lifetime is None else now + given.refresh_lifetime,
    )


def revoke(
    entry: Entry, provider: Provider, grant: Grant, *, assertion: str | None = None, seconds: float = SECONDS
) -> Request | None:
    """Give *grant* back; ``None``: the provider has no way to, or there is no token."""
    rule = entry.revocation
    tokens = (grant.refresh_token, grant.access_token)
    token = next(filter(None, tokens if rule is not None and rule.ends == "refresh" else reversed(tokens)), None)
    if rule is None or token is None:
        return None
    form = {rule.parameter: token.reveal()} if rule.parameter else {}
    headers = {"Accept": "application/json", **entry.headers}
    proof = {"client": entry.client_auth, "basic": "basic"}.get(rule.proof, "none")
    if rule.proof == "bearer":
        headers["Authorization"] = f"Bearer {token.reveal()}"
    way = Way(proof, entry.plain_basic, rule.body == "json", rule.method, headers)
    url = rule.url.replace("{client_id}", quote(provider.client_id or "", safe=""))
    return messages.proved(provider, url, form, assertion if rule.proof == "client" else None, seconds, way)


def revoked(entry: Entry, provider: Provider, answer: Response, now: float) -> None:
    """Read the answer to ``revoke``. Raise a ``Refusal`` unless the grant is gone (RFC 7009, section 2.2: a token that
    isn't known is as good as revoked)."""
    if (refusal := messages.overtaxed(answer, provider.name, "revocation endpoint", now)) is not None:
        raise refusal
    error = entry.reads(_read(answer.body)).get("error")
    rule = entry.revocation
    gone = error in ("invalid_token", "invalid_grant") or (rule is not None and answer.status in rule.gone)
    good = HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES and error is None
    if not good and not gone:
        mend = f"Remove the agent's access in the account's settings at the provider {provider.name}."
        raise ProviderRefused(f"{provider.name}: revocation was answered with status {answer.status}", mend=mend)


def _read(body: bytes) -> Mapping[str, object]:
    try:
        return json_object(body) if len(body) <= messages.MOST_BYTES else {}
    except ValueError:
        return {}  # nothing is asked of the answer but its status
