"""Whose account at the provider a grant is for: said with the tokens, or asked for with them. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from sidecar.errors import ProviderRefused
from sidecar.oauth import messages
from sidecar.oauth.catalog.entry import Entry
from sidecar.oauth.provider import Provider
from sidecar.secret import Secret
from sidecar.wire.http import Request, Response
from sidecar.wire.strict import base64url, json_object

LEEWAY_SECONDS = 60.0
MOST_ID, MOST_LABEL = 512, 200
_TENANT = re.compile(r"[0-9a-fA-F-]{36}")


@dataclass(frozen=True, slots=True)
class Account:
    id: str = field(repr=False)
    """The provider's: it doesn't change when the user is renamed."""
    label: str = field(repr=False)
    """How it is shown, such as ``alice@acme.com``; a stranger's text."""


def in_answer(
    entry: Entry, provider: Provider, said: Mapping[str, Any], now: float, nonce: str | None
) -> Account | None:
    """Of the token endpoint's answer to a code; ``None``: it is asked for by ``request``, or said nowhere. *nonce* is
    that of the authorization request. Raise ``ProviderRefused`` where an ID token isn't for us, or is over."""
    whose = entry.whose
    if whose is None or whose.told in ("call", "introspection"):
        return None
    if whose.told == "answer":
        return _account(entry, provider, said)
    claims = _claims(said.get("id_token"), provider)
    if (wrong := _wrong(claims, entry, provider, now, nonce)) is not None:
        mend = f"Begin again; if it persists, check where providers.{provider.name} leads."
        raise ProviderRefused(f"{provider.name}: the ID token's {wrong} is not what it has to be", mend=mend)
    return _account(entry, provider, claims)


def request(
    entry: Entry, provider: Provider, access_token: Secret, *, assertion: str | None = None, seconds: float = 10.0
) -> Request | None:
    """The call that says it; ``None``: none is needed, or none would."""
    whose = entry.whose
    if whose is None or whose.told not in ("call", "introspection"):
        return None
    headers = {"Accept": "application/json", **entry.headers}
    if whose.told == "introspection":
        way = messages.Way(entry.client_auth, plain=entry.plain_basic, headers=headers)
        form = {"token": access_token.reveal(), "token_type_hint": "access_token"}
        return messages.proved(provider, whose.url, form, assertion, seconds, way)
    headers["Authorization"] = f"Bearer {access_token.reveal()}"
    if whose.body:
        headers["Content-Type"] = "application/json"
    return Request(whose.url, whose.method, headers, whose.body.encode(), seconds, messages.MOST_BYTES)


def in_call(entry: Entry, provider: Provider, answer: Response, now: float) -> Account:
    """Of the answer to ``request``. Raise a ``Refusal``."""
    if (refusal := messages.overtaxed(answer, provider.name, "account", now)) is not None:
        raise refusal
    if answer.status != HTTPStatus.OK:
        scopes = [entry.whose.needs] if entry.whose is not None and entry.whose.needs else sorted(entry.always)
        needs = ", ".join(scopes) or "no scope of its own"
        mend = f"Allow the client of providers.{provider.name} to ask whose account it is: it needs {needs}."
        raise ProviderRefused(f"{provider.name}: whose account it is was answered with {answer.status}", mend=mend)
    return _account(entry, provider, messages.members(answer.body, provider.name, "account"))


def _claims(token: object, provider: Provider) -> Mapping[str, Any]:
    """Of an ID token that came from the token endpoint itself: TLS has said who sent it, so its signature isn't looked
    at (OpenID Connect Core, section 3.1.3.7, 6)."""
    text = token if isinstance(token, str) and len(token) <= messages.MOST_TOKEN else ""
    try:
        _header, payload, _signature = text.split(".")
        return json_object(base64url(payload.encode()))
    except ValueError:
        mend = f"Check that the client of providers.{provider.name} may ask for the scope openid."
        raise ProviderRefused(f"{provider.name}: the answer holds no ID token that can be read", mend=mend) from None


def _wrong(claims: Mapping[str, Any], entry: Entry, provider: Provider, now: float, nonce: str | None) -> str | None:
    """The claim that isn't what it has to be (OpenID Connect Core, section 3.1.3.7)."""
    audience, expires, tenant = claims.get("aud"), claims.get("exp"), claims.get("tid")
    of_tenant = tenant if isinstance(tenant, str) and _TENANT.fullmatch(tenant) else ""
    issuer = None if entry.issuer is None else entry.issuer.replace("{tenantid}", of_tenant)
    if issuer is not None and claims.get("iss") != issuer:
        return "iss"
    if provider.client_id not in (audience if isinstance(audience, list) else [audience]):
        return "aud"
    if isinstance(expires, bool) or not isinstance(expires, int | float) or expires + LEEWAY_SECONDS <= now:
        return "exp"
    return "nonce" if nonce is not None and claims.get("nonce") != nonce else None


def _account(entry: Entry, provider: Provider, said: Mapping[str, Any]) -> Account:
    whose = entry.whose
    ids = [_first(said, paths) for paths in whose.id.split(" ")] if whose is not None else []
    known = [each for each in ids if each]
    if whose is None or len(known) != len(ids) or len(joined := "/".join(known)) > MOST_ID:
        mend = f"Check where providers.{provider.name} leads: the provider doesn't say whose account it is."
        raise ProviderRefused(f"{provider.name}: it isn't said whose account it is", mend=mend)
    label = _first(said, whose.label) if whose.label else ""
    shown = "".join(character for character in label if character.isprintable())[:MOST_LABEL].strip()
    return Account(joined, shown or joined)


def _first(said: Mapping[str, Any], paths: str) -> str:
    """The first text or number of *paths* (``a.b|c``) that is there; empty: none is."""
    for path in paths.split("|"):
        value: Any = said
        for name in path.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and value.isprintable() and value.strip():
            return value
    return ""
