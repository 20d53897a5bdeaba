"""Where issuers live: the form of their addresses and names, and which of them let anyone in."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

Complain = Callable[[str | None, str, str], None]
"""Takes the key, what is wrong, and how to mend it."""

GROUPS = ("token", "graph")
"""Who says which groups a user of Entra's is in."""
EVERY_TENANT = "https://login.microsoftonline.com/{tenantid}/v2.0"
_ORGANIZATIONS = "https://login.microsoftonline.com/organizations/v2.0"
_CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad"
"""The tenant of all personal Microsoft accounts."""

WORKFLOWS = frozenset({"https://token.actions.githubusercontent.com", "https://agent.buildkite.com"})
"""Issuers whose subjects are runs of a pipeline."""
ANYONE = WORKFLOWS | {
    "https://accounts.google.com",
    "https://appleid.apple.com",
    "https://app.terraform.io",
    "https://gitlab.com",
    "https://oauth2.sigstore.dev/auth",
    "https://oidc.vercel.com",
    "https://www.facebook.com",
    "https://www.linkedin.com/oauth",
}
"""Issuers of which anyone in the world can get a token for any audience, or for any client's users."""
_PROVES_NOTHING = frozenset({"iss", "aud", "exp", "iat", "nbf", "typ", "token_use"})
"""Claims that every token of such an issuer may have alike."""

_HOST = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+"
_FORMS: Mapping[str, tuple[re.Pattern[str], str, str]] = {
    "domain": (
        re.compile(_HOST),
        "is not a host name",
        "write it in small letters, without https:// and without a path",
    ),
    "region": (re.compile(r"[a-z]{2}(-[a-z]+)+-\d+"), "is not an AWS region", "write it like eu-central-1"),
    "user_pool_id": (
        re.compile(r"[a-z0-9-]+_[A-Za-z0-9]+"),
        "is not a user pool id",
        "write it like eu-central-1_a1B2c3D4e",
    ),
    "authorization_server": (
        re.compile(r"[A-Za-z0-9]+"),
        "is not an authorization server's id",
        "write its id, or default",
    ),
}
_TENANT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_URL = re.compile(r"[!#$&-;=?-Z_a-z~%\[\]]+")
"""Visible ASCII that may stand in a URL."""
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def well_formed(key: str, value: Any, complain: Complain) -> None:
    """Complain unless *value* has the form of its *key*."""
    if value in ("", ()) or (isinstance(value, tuple) and "" in value):
        complain(key, "is empty", "name at least one value, or leave it out")
    elif key in _FORMS:
        form, what, mend = _FORMS[key]
        if not form.fullmatch(value):
            complain(key, what, mend)
    elif key in ("issuer", "url"):
        web(value, key, complain)
    elif key == "tenants" or (key == "tenant" and value != ("organizations",)):
        for tenant in value:
            if not _TENANT.fullmatch(tenant.lower()):
                mend = "write the tenant's id (a GUID), a list of them, or  organizations  with  tenants"
                complain(key, "is not a tenant id", mend)


def web(url: str, key: str, complain: Complain, *, query: bool = False) -> None:
    """Complain unless *url* is an absolute https URL, or an http one on loopback, with nothing in it but host, port,
    path and, where allowed, a query."""
    try:
        parts = urlsplit(url)
        whole = bool(_URL.fullmatch(url) and parts.hostname and (parts.port is None or parts.port))
    except ValueError:
        whole = False
        parts = urlsplit("")
    if (
        not whole
        or parts.scheme not in ("https", "http")
        or "@" in parts.netloc
        or "#" in url
        or ("?" in url and not query)
    ):
        complain(key, "is not an absolute URL", "write it like https://issuer.example.com/path")
    elif parts.scheme == "http" and parts.hostname not in LOOPBACK:
        complain(
            key, "is not https", "keys that come over http can be anybody's; http is for loopback in development alone"
        )


def cognito(values: Mapping[str, Any], common: Any, complain: Complain) -> None:
    if not values["user_pool_id"].startswith(values["region"] + "_"):
        complain("user_pool_id", "is not in the region", "a pool's id begins with its region: check both")
    if common.clients and not set(common.clients) & set(values["client_ids"]):
        complain("clients", "lets none of client_ids in", "leave clients out: client_ids says it")


def entra(values: Mapping[str, Any], common: Any, complain: Complain) -> None:
    everyone = values["tenant"] == ("organizations",)
    if everyone and "tenants" not in values:
        complain(
            "tenants", "is missing", "organizations is every company in the world; name the tenants that may come in"
        )
    if not everyone and "tenants" in values:
        complain("tenants", "has no meaning beside tenant", "list the ids under tenant, or set  tenant: organizations")
    if _CONSUMERS in tenants(values):
        _insist(common.require, complain)
    if values.get("groups", "token") not in GROUPS:
        complain("groups", "is neither token nor graph", "set  groups: graph , or leave it out")


def oidc(values: Mapping[str, Any], common: Any, complain: Complain) -> None:
    url: str = values["issuer"]
    if "audience" not in values and not common.clients:
        complain(
            "audience", "is missing", "name what aud must hold; or set clients, where tokens have no audience of yours"
        )
    if url.rstrip("/") in ANYONE:
        _insist(common.require, complain)
    host = urlsplit(url).hostname or ""
    if host.endswith((".okta.com", ".oktapreview.com", ".okta-emea.com")) and "/oauth2/" not in url:
        mend = "create a custom authorization server (or use default), and set  type: okta"
        complain("issuer", "is Okta's org server, whose tokens only Okta can validate", mend)


def sidecar(_values: Mapping[str, Any], common: Any, complain: Complain) -> None:
    for key in ("token_use", "login"):
        if getattr(common, key) is not None:
            complain(key, "has no meaning for a sidecar", "leave it out: a sidecar has no users of its own")


def anywhere(values: Mapping[str, Any], common: Any, complain: Complain) -> None:
    """Nothing to say about the keys together."""


def _insist(require: Mapping[str, frozenset[str]] | None, complain: Complain) -> None:
    if not (require or {}).keys() - _PROVES_NOTHING:
        mend = "name a claim that only your own tokens have, e.g.  require: {repository_owner: acme}"
        complain("require", "is missing, and anyone can get a token of this issuer", mend)


def tenants(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Entra's tenant ids, as tokens spell them; one empty text for issuers that have no tenants."""
    named = values.get("tenants") if values.get("tenant") == ("organizations",) else values.get("tenant")
    return tuple(dict.fromkeys(tenant.lower() for tenant in named)) if named else ("",)


def filled(templates: tuple[str, ...], values: Mapping[str, Any], tenant: str) -> tuple[str, ...]:
    return tuple(template.format_map({**values, "tenant": tenant}) for template in templates)


def discovery(url: str, tenants: tuple[str, ...]) -> str:
    """OpenID Connect Discovery, section 4: a slash at the issuer's end is dropped. Entra's tenants share one
    document."""
    home = _ORGANIZATIONS if len(tenants) > 1 else url.removesuffix("/")
    return f"{home}/.well-known/openid-configuration"
