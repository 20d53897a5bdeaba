"""The identity providers as one table of data: what each is configured with, where it lives, and how its tokens are
read.

A new provider is an entry in ``IDPS``, and one sample token's claims in ``tests/identity/idps/``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any

from sidecar.identity import marks, places
from sidecar.identity.issuer import ASYMMETRIC, SIDECAR, Claims, Issuer, Login, TokenUse
from sidecar.identity.places import Complain
from sidecar.identity.principal import Kind

MOST_LEEWAY = timedelta(seconds=60)

Own = Mapping[str, str | tuple[str, ...] | Mapping[str, str]]
"""A type's own keys as they were given; of ``TEXTS`` always a tuple."""


class IssuerProblem(Exception):
    """One thing that is wrong with an issuer's configuration; ``key`` is below ``issuers.<name>``, ``None`` means the
    issuer as a whole."""

    def __init__(self, key: str | None, what: str, mend: str) -> None:
        super().__init__(f"{key or 'issuer'} {what}: {mend}")
        self.key, self.what, self.mend = key, what, mend


class IssuerProblems(Exception):
    """Several at once."""

    def __init__(self, problems: tuple[IssuerProblem, ...]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


class KeyShape(StrEnum):
    TEXT = "text"
    TEXTS = "texts"
    """A text or a list of texts, read as a tuple."""
    MAPPING = "mapping"
    """Text → text."""


@dataclass(frozen=True, slots=True)
class Common:
    """What may be said of an issuer of any type; ``None``: not given."""

    jwks_url: str | None = None
    algorithms: tuple[str, ...] | None = None
    leeway: timedelta | None = None
    require: Mapping[str, frozenset[str]] | None = None
    kind: Kind | None = None
    token_use: TokenUse | None = None
    clients: tuple[str, ...] | None = None
    login: Login | None = None


@dataclass(frozen=True, slots=True)
class Idp:
    """One type of issuer as data."""

    required: frozenset[str]
    """Own keys that must be given."""
    keys: Mapping[str, KeyShape]
    """Own keys beside the common ones."""
    urls: tuple[str, ...]
    """Templates of every ``iss`` for one set of own keys; the first is canonical."""
    claims: Claims
    uses: marks.Uses
    kind: marks.Told
    defaults: Mapping[str, str] = field(default_factory=dict)
    """Own keys' values where none is given."""
    clients: str = ""
    """The own key that names the clients, where an audience doesn't decide."""
    user_subject: str | None = None
    """Where access tokens keep a user's key, if they keep a service's in another claim."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Template of an ``iss`` whose tokens only the provider can validate → what to do instead."""
    foreign_headers: Mapping[str, str] = field(default_factory=dict)
    """Header members of tokens that are meant for the provider's own API → what to do instead."""
    hints: Mapping[str, str] = field(default_factory=dict)
    """Own key → how to find its value, said where it is missing."""
    check: Callable[[Mapping[str, Any], Common, Complain], None] = places.anywhere
    """Says what is wrong with the own keys together."""
    algorithms: frozenset[str] | None = None
    """Those that are accepted where nothing is said; ``None``: the usual ones."""
    jwks: str | None = None
    """Template of where the keys are, for issuers without a discovery document."""


TEXT, TEXTS, MAPPING = KeyShape.TEXT, KeyShape.TEXTS, KeyShape.MAPPING

IDPS: Mapping[str, Idp] = {
    # An access token names its app client in client_id; aud is there only in ID tokens and with resource binding, and
    # never decides.
    "cognito": Idp(
        required=frozenset({"region", "user_pool_id", "client_ids"}),
        keys={"region": TEXT, "user_pool_id": TEXT, "client_ids": TEXTS},
        # The second form is that of pools replicated to several regions.
        urls=(
            "https://cognito-idp.{region}.amazonaws.com/{user_pool_id}",
            "https://issuer.cognito-idp.{region}.amazonaws.com/{user_pool_id}",
        ),
        claims=Claims(client=("client_id",), groups=("cognito:groups",), scopes=("scope",)),
        uses=marks.cognito,
        kind=marks.cognito_kind,
        clients="client_ids",
        hints={
            "client_ids": "Cognito access tokens carry the app client id, not an audience; "
            "set  client_ids: [<app client id>]"
        },
        check=places.cognito,
    ),
    # sub is the login, which can change; uid is the user.
    "okta": Idp(
        required=frozenset({"domain", "audience"}),
        keys={"domain": TEXT, "authorization_server": TEXT, "audience": TEXTS},
        urls=("https://{domain}/oauth2/{authorization_server}",),
        claims=Claims(client=("cid",), scopes=("scp",)),
        uses=marks.okta,
        kind=marks.okta_kind,
        defaults={"authorization_server": "default"},
        user_subject="uid",
        refused={
            "https://{domain}": "Okta's org authorization server signs tokens that only Okta can validate. Create a "
            "custom authorization server, or use the one named default, and ask it for the token."
        },
        hints={"audience": "It is the audience of the custom authorization server, e.g.  audience: api://default"},
    ),
    "auth0": Idp(
        required=frozenset({"domain", "audience"}),
        keys={"domain": TEXT, "audience": TEXTS, "claims": MAPPING},
        urls=("https://{domain}/",),
        # permissions (RBAC) is what was really granted; azp and client_id are the two token dialects.
        claims=Claims(roles=("roles",), scopes=("scope", "permissions")),
        uses=marks.generic,
        kind=marks.auth0_kind,
        hints={"audience": "It is the API's identifier; without an audience in the request Auth0 issues opaque tokens"},
    ),
    # The user's key is (tid, oid): sub is another one for every application.
    "entra": Idp(
        required=frozenset({"tenant", "audience"}),
        keys={"tenant": TEXTS, "tenants": TEXTS, "audience": TEXTS, "groups": TEXT},
        urls=("https://login.microsoftonline.com/{tenant}/v2.0", "https://sts.windows.net/{tenant}/"),
        claims=Claims(
            subject="oid",
            tenant="tid",
            client=("azp", "appid"),
            email_verified="xms_edov",
            roles=("roles",),
            scopes=("scp",),
        ),
        defaults={"groups": "token"},
        uses=marks.entra,
        kind=marks.entra_kind,
        foreign_headers={
            "nonce": "This is a token for Microsoft Graph, which only Graph can validate. "
            "Ask for a scope of this agent's own API instead."
        },
        hints={"audience": "It is the API's application id (v2 tokens) and, for v1 tokens, its App ID URI"},
        check=places.entra,
    ),
    "oidc": Idp(
        required=frozenset({"issuer"}),
        keys={"issuer": TEXT, "audience": TEXTS, "claims": MAPPING},
        urls=("{issuer}",),
        claims=Claims(roles=("roles",)),
        uses=marks.generic,
        kind=marks.generic_kind,
        check=places.oidc,
    ),
    # Another agent's sidecar signs no tokens of its own users: what it says of others' is read by ``identity.call``.
    SIDECAR: Idp(
        required=frozenset({"url", "issuers"}),
        keys={"url": TEXT, "issuers": TEXTS},
        urls=("{url}", "{url}/"),
        claims=Claims(),
        uses=lambda _claims: marks.NEITHER,
        kind=marks.generic_kind,
        hints={"issuers": "Name the issuers here whose users the other agent may act for, e.g.  issuers: [okta]"},
        check=places.sidecar,
        algorithms=frozenset({"ES256"}),
        jwks="{url}/.well-known/identity-sidecar/jwks.json",
    ),
}


def issuer(name: str, type: str, own: Own, common: Common) -> Issuer:  # noqa: A002 - the configuration's word
    """Raise ``IssuerProblem``, or ``IssuerProblems`` where there are several."""
    problems: list[IssuerProblem] = []
    idp = IDPS.get(type)
    if idp is None:
        raise IssuerProblem("type", f'"{type}" is not a type of issuer', f"use one of {', '.join(IDPS)}")

    def complain(key: str | None, what: str, mend: str) -> None:
        problems.append(IssuerProblem(key, what, mend))

    for key in sorted(idp.required - own.keys()):
        complain(key, "is missing", idp.hints.get(key, f"set  {key}: …"))
    values = {**idp.defaults, **own}
    for key in values:
        places.well_formed(key, values[key], complain)
    claims = _claims(idp.claims, values.get("claims", {}), complain)
    _common(common, complain)
    if not problems:
        idp.check(values, common, complain)
    if problems:
        raise problems[0] if len(problems) == 1 else IssuerProblems(tuple(problems))
    return _made(name, type, idp, values, common, claims)


def _made(name: str, type: str, idp: Idp, values: Mapping[str, Any], common: Common, claims: Claims) -> Issuer:  # noqa: A002
    if "url" in values:
        values = {**values, "url": values["url"].rstrip("/")}
    tenants = places.tenants(values)
    forms = {tenant: places.filled(idp.urls, values, tenant) for tenant in tenants}
    urls = tuple(url for form in forms.values() for url in form)
    clients, restricted = frozenset(values.get(idp.clients, ())), frozenset(common.clients or ())
    defaults = Issuer(name, type, urls)
    return replace(
        defaults,
        canonical={url: form[0] for form in forms.values() for url in form if form[0] != urls[0]},
        refused={places.filled((url,), values, "")[0]: mend for url, mend in idp.refused.items()},
        tenants={url: tenant for tenant, form in forms.items() for url in form if tenant},
        audiences=frozenset(values.get("audience", ())),
        clients=clients & restricted if clients and restricted else clients | restricted,
        algorithms=frozenset(common.algorithms or idp.algorithms or defaults.algorithms),
        leeway=defaults.leeway if common.leeway is None else common.leeway,
        require=common.require or {},
        kind=common.kind or (Kind.WORKFLOW if urls[0] in places.WORKFLOWS else None),
        token_use=common.token_use or TokenUse.ACCESS,
        claims=claims,
        jwks_url=common.jwks_url or (places.filled((idp.jwks,), values, "")[0] if idp.jwks else None),
        discovery_url=None if idp.jwks else places.discovery(urls[0], tenants),
        metadata_issuer=places.EVERY_TENANT if len(tenants) > 1 else None,
        login=common.login,
        groups=values.get("groups", defaults.groups),
        trusted_for=tuple(values.get("issuers", ())),
    )


def _claims(defaults: Claims, mapping: Any, complain: Complain) -> Claims:
    """The mapping over the defaults. Of ``client``, ``groups``, ``roles`` and ``scopes`` several paths may stand with
    white space between."""
    changes: dict[str, Any] = {}
    for entry, path in mapping.items():
        if entry not in Claims.__dataclass_fields__:
            complain(f"claims.{entry}", "is not part of a principal", f"use {', '.join(Claims.__dataclass_fields__)}")
        elif not path.split():
            complain(f"claims.{entry}", "is empty", "name a claim, or a path of names with / between")
        else:
            changes[entry] = tuple(path.split()) if isinstance(getattr(defaults, entry), tuple) else path
    return replace(defaults, **changes)


def _common(common: Common, complain: Complain) -> None:
    for algorithm in common.algorithms or ():
        if algorithm not in ASYMMETRIC:
            complain(
                "algorithms",
                f'"{algorithm}" is not an asymmetric algorithm',
                f"use some of {', '.join(sorted(ASYMMETRIC))}",
            )
    if common.algorithms == () or common.clients == ():
        complain(
            "algorithms" if common.algorithms == () else "clients", "is empty", "name at least one, or leave it out"
        )
    if common.leeway is not None and not timedelta(0) <= common.leeway <= MOST_LEEWAY:
        complain("leeway", "is out of range", f"use 0s to {MOST_LEEWAY.total_seconds():.0f}s")
    for claim, allowed in (common.require or {}).items():
        if not claim or not allowed:
            complain(
                f"require.{claim}",
                "names no value",
                "name the value, or the list of values, that the claim has to have",
            )
    if common.jwks_url is not None:
        places.web(common.jwks_url, "jwks_url", complain, query=True)
