"""Where an outbound credential comes from, as it is configured, and which keys each type of provider has. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from sidecar.secret import Secret


class Type(NamedTuple):
    """One type of provider as data."""

    required: frozenset[str]
    """Keys that must be given."""
    allowed: frozenset[str]
    """Keys that may be given beside them; ``acts_as`` and ``hand_out`` go with every type."""
    acts_as: str = "principal"
    """Whose credential it is where nothing is said."""


def _type(required: str, allowed: str = "", acts_as: str = "principal") -> Type:
    return Type(frozenset(required.split()), frozenset(allowed.split()), acts_as)


_CLIENT = "client_id client_secret"
CATALOGUE: Mapping[str, Type] = {
    "google": _type(_CLIENT),
    "slack": _type(_CLIENT, "as_app"),
    # domain: GitHub Enterprise Server, GitLab and Salesforce have installations of one's own.
    "github": _type(_CLIENT, "domain"),
    "microsoft": _type(_CLIENT, "tenant"),
    "atlassian": _type(_CLIENT),
    "salesforce": _type(_CLIENT, "domain"),
    "notion": _type(_CLIENT),
    "linear": _type(_CLIENT, "as_app"),
    "gitlab": _type(_CLIENT, "domain"),
    "zoom": _type(_CLIENT),
    "dropbox": _type(_CLIENT),
    "hubspot": _type(_CLIENT),
    "spotify": _type(_CLIENT),
    "x": _type(_CLIENT),
    "discord": _type(_CLIENT),
    "figma": _type(_CLIENT),
    "box": _type(_CLIENT),
}
"""OAuth providers that are known by name."""

TYPES: Mapping[str, Type] = {
    **CATALOGUE,
    "oauth2": _type(
        "client_id", "client_secret discovery authorize_url token_url revoke_url client_auth grant audience resource"
    ),
    "api_key": _type("key", "header query basic prefix", "agent"),
    "bearer": _type("token", acts_as="agent"),
    "aws": _type("", "role_arn source region service session_tags", "agent"),
    "agent": _type("audience"),
    "exchange": _type(
        "standard client_id",
        "token_url discovery client_secret client_auth audience resource tenant actor subject_token"
        " resource_token_url resource_client_id resource_client_secret",
    ),
    "sandbox": _type("", "url client_id client_secret"),
}


@dataclass(frozen=True, slots=True)
class Provider:
    """One configured provider. What its type doesn't have is ``None``."""

    name: str
    type: str
    acts_as: str
    """``principal``: each principal has a credential of its own; ``agent``: all share the agent's."""
    hand_out: bool = False
    """Whether the agent may have the credential itself; otherwise it is only attached to calls."""
    client_id: str | None = None
    client_secret: Secret | None = None
    client_auth: str = "basic"
    grant: str = "authorization_code"
    discovery: str | None = None
    authorize_url: str | None = None
    token_url: str | None = None
    revoke_url: str | None = None
    url: str | None = None
    domain: str | None = None
    tenant: str | None = None
    as_app: bool = False
    """Whether its tokens act as the app that the user has put in (Slack's bot), instead of the user."""
    key: Secret | None = None
    header: str | None = None
    query: str | None = None
    basic: str | bool = False
    """``True``: the key is the user name; a text: it is the user name, and the key the password."""
    prefix: str | None = None
    token: Secret | None = None
    role_arn: str | None = None
    source: str | None = None
    region: str | None = None
    service: str | None = None
    session_tags: bool = False
    audience: str | None = None
    resource: str | None = None
    standard: str | None = None
    actor: str | None = None
    """How the agent is named in an exchange: by a ``token`` of its own, or as the ``client`` alone."""
    subject_token: str | None = None
    """Which type of token callers bring; ``None``: what the standard has."""
    resource_token_url: str | None = None
    resource_client_id: str | None = None
    resource_client_secret: Secret | None = None


def at_resource(provider: Provider) -> Provider:
    """*provider* as the client that it is at the resource's own authorization server."""
    if provider.resource_client_id is None:
        return provider
    return replace(provider, client_id=provider.resource_client_id, client_secret=provider.resource_client_secret)


def by_users(provider: Provider) -> bool:
    """Whether each user has to grant what it gives."""
    by_code = provider.type == "oauth2" and provider.grant == "authorization_code"
    return by_code or provider.type == "sandbox" or provider.type in CATALOGUE
