"""The messages between a client and its authorization server, built and read: token requests (RFC 6749; RFC 7523) and
their answers.

Whatever an answer holds is a stranger's text: of an error, its code alone goes to the record, and nothing of it to
whoever asked.
"""

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlencode

from sidecar.errors import ProviderRefused, ProviderUnreachable, RateLimited, Refusal
from sidecar.oauth.provider import Provider
from sidecar.secret import Secret
from sidecar.wire.http import Request, Response, retry_after
from sidecar.wire.strict import json_object

MOST_BYTES = 1 << 18
"""Of an answer."""
MOST_TOKEN = 16 * 1024
MOST_LIFETIME = 30 * 86400.0
"""Seconds; an access token that is said to live longer is taken for this."""
MOST_REFRESH_LIFETIME = 10 * 365 * 86400.0

_JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_TOKEN = re.compile(r"[\x21-\x7e]+")
_AADSTS = re.compile(r"AADSTS[0-9]{3,8}")
_FORM = "application/x-www-form-urlencoded"
_SPACES = re.compile(r"[ \t\r\n]+")
_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?")


@dataclass(frozen=True, slots=True)
class Granted:
    """A token endpoint's good answer."""

    token: Secret
    lifetime: float | None
    """Seconds; ``None`` where nothing is said that can be believed."""
    scopes: frozenset[str] | None
    """``None``: those that were asked for (RFC 6749, section 5.1)."""
    refresh_token: Secret | None = None
    refresh_lifetime: float | None = None
    """Seconds, where it is said."""
    said: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """The answer's members, as they came."""


# Asking for a token


def client_assertion(client_id: str, audience: str, jti: str, now: float) -> dict[str, Any]:
    """The claims by which a client proves itself with a key (RFC 7523, section 3), for one audience: good nowhere
    else."""
    issued = int(now)
    return {"iss": client_id, "sub": client_id, "aud": audience, "jti": jti, "iat": issued, "exp": issued + 60}


def token_request(
    provider: Provider, endpoint: str, scopes: frozenset[str], assertion: str | None, seconds: float
) -> Request:
    """Client credentials (RFC 6749, section 4.4.2). *assertion* is the signed one of a client that has a key."""
    form = {"grant_type": "client_credentials"}
    form |= {name: value for name in ("audience", "resource") if (value := getattr(provider, name)) is not None}
    if scopes:
        form["scope"] = " ".join(sorted(scopes))
    return proved(provider, endpoint, form, assertion, seconds)


def proved(
    provider: Provider,
    endpoint: str,
    form: Mapping[str, str],
    assertion: str | None,
    seconds: float,
    way: "Way | None" = None,
) -> Request:
    """*form*, with the proof that it is *provider*'s client that sends it (RFC 6749, section 2.3; RFC 7521, section
    4.2). *assertion* is the signed one of a client that has a key."""
    way = way or Way(provider.client_auth)
    client_id, secret = provider.client_id or "", provider.client_secret
    sent, headers = dict(form), dict(way.headers)
    if assertion is not None:
        sent |= {"client_id": client_id, "client_assertion_type": _JWT_BEARER, "client_assertion": assertion}
    elif way.proof == "post":
        sent |= {"client_id": client_id, "client_secret": secret.reveal() if secret is not None else ""}
    elif way.proof != "none":
        headers["Authorization"] = _basic(client_id, secret, plain=way.plain)
    body = json.dumps(sent).encode() if way.as_json else urlencode(sent).encode()
    if sent:
        headers["Content-Type"] = "application/json" if way.as_json else _FORM
    return Request(endpoint, way.method, headers, body if sent else b"", seconds, MOST_BYTES)


@dataclass(frozen=True, slots=True)
class Way:
    """In what a provider's endpoint differs from RFC 6749."""

    proof: str = "basic"
    """``basic``, ``post``, or ``none``."""
    plain: bool = False
    """Basic takes id and secret as they are, not form-encoded."""
    as_json: bool = False
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def _basic(client_id: str, secret: Secret | None, *, plain: bool) -> str:
    """RFC 6749, section 2.3.1: both are form-encoded first, so that a colon in them is no separator."""
    password = secret.reveal() if secret is not None else ""
    pair = f"{client_id}:{password}" if plain else f"{quote_plus(client_id)}:{quote_plus(password)}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


# Its answer


def granted(
    answer: Response,
    provider: str,
    now: float,
    grant: str = "client_credentials",
    token_type: str = "bearer",  # noqa: S107 - RFC 6750's word
    reading: "Reading | None" = None,
) -> Granted:
    """Read a token endpoint's answer (RFC 6749, section 5) to a request of the type *grant*, which has to give a token
    of *token_type*, in lower case. Raise a ``Refusal`` that says what to check."""
    reading = reading or Reading()
    if (refusal := overtaxed(answer, provider, "token endpoint", now)) is not None:
        raise refusal
    if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
        mend = f"Set providers.{provider}.token_url to where the token endpoint really is: it redirects."
        raise ProviderRefused(f"{provider}: the token endpoint answered with status {answer.status}", mend=mend)
    what, kind = f"answer (status {answer.status})", answer.headers.get("content-type", "")
    came = members(answer.body, provider, what, kind)
    said = reading.reads(came)
    if answer.status >= HTTPStatus.BAD_REQUEST or "error" in said:  # some answer errors with 200
        raise _refused(said, answer, provider, now, grant, reading)
    kind = said.get("token_type", token_type)
    if not isinstance(kind, str) or kind.lower() != token_type:
        mend = f"Have the client of providers.{provider} issued bearer tokens, without DPoP or another binding."
        raise ProviderRefused(f"{provider}: the token is of another type than {token_type}", mend=mend)
    refresh = said.get("refresh_token")
    until = said.get("refresh_token_expires_in", said.get("refresh_expires_in"))
    return Granted(
        token=_token(said.get("access_token"), provider),
        lifetime=_lifetime(said.get("expires_in"), MOST_LIFETIME),
        scopes=_scopes(said.get("scope")),
        refresh_token=None if refresh in (None, "") else _token(refresh, provider),
        refresh_lifetime=_lifetime(until, MOST_REFRESH_LIFETIME),
        said=came,
    )


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer means at one provider, in one grant."""

    reads: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda came: came
    """Brings the members into RFC 6749's form."""
    refusals: Mapping[str, type[Refusal]] = field(default_factory=dict)
    """By the error's code; of others it is ``ProviderRefused``."""
    mends: Mapping[str, str] = field(default_factory=dict)
    """What to do, by the error's code, where it isn't the usual; ``{0}`` stands for the provider."""


def members(body: bytes, provider: str, what: str, content_type: str = "") -> Mapping[str, Any]:
    """Of a JSON object, or of a form where *content_type* says that it is one."""
    mend = f"Check where providers.{provider} leads (token_url, discovery): what answers there is no OAuth server."
    if len(body) > MOST_BYTES:
        raise ProviderRefused(f"{provider}: the {what} has more than {MOST_BYTES} bytes", mend=mend)
    try:
        return _form(body) if content_type.partition(";")[0].strip().lower() == _FORM else json_object(body)
    except ValueError:
        raise ProviderRefused(f"{provider}: the {what} is not a JSON object", mend=mend) from None


def _form(body: bytes) -> dict[str, str]:
    pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict")
    if len(form := dict(pairs)) != len(pairs):
        raise ValueError("a member appears twice")
    return form


def _scopes(value: object) -> frozenset[str] | None:
    """Separated by spaces; some send a list."""
    if isinstance(value, list):
        value = " ".join(each for each in value if isinstance(each, str))
    return frozenset(_SPACES.split(value)) - {""} if isinstance(value, str) else None


def _token(value: object, provider: str) -> Secret:
    if not isinstance(value, str) or not 0 < len(value) <= MOST_TOKEN or not _TOKEN.fullmatch(value):
        fault = "none, or one that a header can't carry"
        mend = f"Check where providers.{provider} leads: what it gives as a token can't be used."
        raise ProviderRefused(f"{provider}: the answer holds no token that can be used ({fault})", mend=mend)
    return Secret(value)


def _lifetime(value: object, most: float) -> float | None:
    """``expires_in``, which some send as a text; what isn't above zero says nothing (some mean "never" by it)."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        return None
    return float(min(value, most))


def overtaxed(answer: Response, provider: str, what: str, now: float) -> Refusal | None:
    """What a server that fails or limits us is answered with; ``None``: it does neither."""
    wait = retry_after(answer.headers.get("retry-after"), now)
    reason = f"{provider}: the {what} was answered with status {answer.status}"
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        mend = f"Wait as Retry-After says: the provider {provider} limits how often it is asked."
        return RateLimited(reason, mend=mend, retry_after=wait or 1)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        mend = f"Try again; if it persists, check the status of the provider {provider}: its {what} fails."
        return ProviderUnreachable(reason, mend=mend, retry_after=wait or 1)
    return None


_MENDS: Mapping[str, str] = {
    "invalid_client": "Check providers.{0}: client_id, client_secret and client_auth. The provider doesn't know the "
    "client, or not by this proof.",
    "unauthorized_client": "Allow the grant {1} for the client of providers.{0}, at the provider.",
    "unsupported_grant_type": "Check where providers.{0} leads: the provider has no grant {1} there.",
    "invalid_scope": "Check the scopes that are asked of the provider {0}: it doesn't grant them to this client.",
    "invalid_target": "Check providers.{0}: audience and resource. The provider gives no token for them.",
    "invalid_request": "Check providers.{0}: audience, resource and client_auth, and that the client may use the "
    "grant {1} at the provider. It misses something, or won't take something.",
}
"""What to check, by the error's code (RFC 6749, section 5.2; RFC 8707, section 2)."""
_PASSING = frozenset({"temporarily_unavailable", "server_error", "slow_down"})
"""Errors that are over by themselves."""
_KNOWN = _MENDS.keys() | _PASSING | {"invalid_grant", "access_denied"}
_KNOWN |= {"interaction_required", "consent_required", "login_required"}
"""Codes that go to the record. Another may be anything: a provider that echoes what it was sent, for one."""


def _refused(
    said: Mapping[str, Any], answer: Response, provider: str, now: float, grant: str, reading: Reading
) -> Refusal:
    error, description = said.get("error"), said.get("error_description")
    code = error if isinstance(error, str) and error in _KNOWN else "an error of its own"
    # Of Microsoft's descriptions the number is what says which error it is, and nothing of ours can be in it.
    number = _AADSTS.match(description) if isinstance(description, str) else None
    reason = (
        f"{provider}: the token endpoint answered {code} (status {answer.status}{f', {number[0]}' if number else ''})"
    )
    if code in _PASSING:
        wait = retry_after(answer.headers.get("retry-after"), now)
        return ProviderUnreachable(reason, mend=f"Try again: the provider {provider} is busy.", retry_after=wait or 1)
    usual = "Check providers.{0}: client_id, client_auth and what the client may do at the provider."
    mend = reading.mends.get(code) or _MENDS.get(code, usual)
    return reading.refusals.get(code, ProviderRefused)(reason, mend=mend.format(provider, grant))
