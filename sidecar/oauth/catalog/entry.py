"""What is known of one OAuth provider: where its endpoints are, and in what it differs from the standards. Pure.

RFC 6749 is the measure; a field that isn't set says that the provider keeps to it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import urlsplit

from sidecar.oauth.provider import Provider

Members = Mapping[str, Any]
"""The members of a token endpoint's answer."""
Reads = Callable[[Members], Members]
"""Brings an answer into RFC 6749's form: ``access_token``, ``refresh_token``, ``token_type``, ``expires_in``,
``scope`` (space-separated), or ``error``. Total: whatever it is given, it gives something back."""

NOTHING: Mapping[str, str] = MappingProxyType({})


def as_it_is(members: Members) -> Members:
    return members


@dataclass(frozen=True, slots=True)
class Whose:
    """Where it is said whose account at the provider it is.

    Members are named by paths through objects, ``a.b``; of ``a|b`` the first that is there counts."""

    told: Literal["id_token", "answer", "call", "introspection"]
    """In an ID token (OpenID Connect); among the members of the token endpoint's answer; by a call with the access
    token; by RFC 7662."""
    id: str
    """Several, separated by spaces, are joined with ``/``: one user in two workspaces is two accounts."""
    label: str = ""
    """How the account is shown; nothing there: as its id."""
    url: str = ""
    """Of a call, or of the introspection endpoint."""
    method: str = "GET"
    body: str = field(default="", repr=False)
    """JSON."""
    needs: str = ""
    """The scope that a call takes, where it isn't asked for with every grant."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """How a grant is given back; RFC 7009 where nothing else is said."""

    url: str
    """``{client_id}`` stands for the client's."""
    method: str = "POST"
    proof: Literal["client", "basic", "bearer", "none"] = "client"
    """Who may: the client, as at the token endpoint or by Basic; whoever has the token; anybody."""
    parameter: str = "token"
    """What names the token in the body; empty: nothing does, the proof is the token."""
    body: Literal["form", "json"] = "form"
    ends: Literal["refresh", "access"] = "refresh"
    """Which of the two ends the grant; where there is no refresh token it is the access token."""
    gone: frozenset[int] = frozenset()
    """Statuses beside 2xx that say that there was nothing to revoke any more."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """What becomes of a refresh token."""

    rotates: bool = False
    """Each refresh gives a new one, and the old one is spent."""
    grace: float = 0.0
    """Seconds for which the old one does once more, for whoever lost the answer."""
    idle: float | None = None
    """Seconds after which an unused one is over; ``None``: none are known."""
    dies: str = ""
    """What may have ended it, in sentences for the record: nothing else says it."""


@dataclass(frozen=True, slots=True)
class Scope:
    name: str
    """The provider's own name."""
    words: str
    """What it lets the agent do, for the consent page: goes on from "This lets the agent …"."""


def plain(words: Mapping[str, str], prefix: str = "") -> Mapping[str, Scope]:
    """Scopes by their short names, which the provider calls the same behind *prefix*."""
    return MappingProxyType({name: Scope(prefix + name, each) for name, each in words.items()})


@dataclass(frozen=True, slots=True)
class Entry:
    type: str
    authorize_url: str
    token_url: str
    issuer: str | None = None
    """As it names itself in ``iss`` (RFC 9207) and in ID tokens. ``{tenantid}`` stands for any tenant."""
    says_iss: bool = False
    """Whether every answer of the authorization endpoint carries ``iss``."""
    refresh_url: str | None = None
    """Where refresh tokens are spent, if not at ``token_url``."""
    revocation: Revocation | None = None
    """``None``: the provider has no way; the user ends it there."""
    separator: str = " "
    """Between scopes, in requests."""
    scope_parameter: str = "scope"
    """Of the authorization request."""
    scoped: bool = True
    """Whether scopes are asked for at all: some clients have permissions of their own instead."""
    always: frozenset[str] = frozenset()
    """Scopes that are asked for whatever the agent needs: a refresh token, whose account it is."""
    parameters: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    """Of every authorization request."""
    token_parameters: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    """Of every token request."""
    hint: str = ""
    """The parameter for whom to sign in (``login_hint``); empty: there is none."""
    pkce: bool = True
    client_auth: str = "post"
    """``basic``, ``post`` or ``private_key_jwt``."""
    plain_basic: bool = False
    """Basic takes id and secret as they are, not form-encoded."""
    body: Literal["form", "json"] = "form"
    """Of token requests."""
    headers: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    """Of every request, beside ``Accept: application/json``."""
    reads: Reads = as_it_is
    whose: Whose | None = None
    """``None``: it is said nowhere."""
    renewal: Renewal = Renewal()
    resource: str = ""
    """Where a token is for one resource alone, the part of a scope before its last slash: that of scopes that name
    none. Case doesn't matter in such scopes, and ``.default`` stands for all of a resource's. Empty: a token is for
    whatever its scopes are for."""
    names: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    """Other names that the provider takes for a scope, and doesn't answer with."""
    scopes: Mapping[str, Scope] = field(default_factory=lambda: MappingProxyType({}))
    """By their short names."""
    implies: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))
    """Which scopes a scope includes; where both are asked for, some providers grant the wider alone."""
    domains: tuple[str, ...] = ()
    """Where its APIs are: these hosts, and those below them. Empty: anywhere."""

    @property
    def server(self) -> str:
        """Whose grants they are: the issuer, or the origin of the token endpoint where it names itself nowhere."""
        if self.issuer is not None:
            return self.issuer
        parts = urlsplit(self.token_url)
        return f"{parts.scheme}://{parts.netloc}"


Maker = Callable[[Provider], Entry]
"""The entry of one configured provider: some have installations, tenants or actors of their own."""
