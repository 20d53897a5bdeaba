"""Where an outbound credential comes from, as it is configured, and which keys each type of provider has. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
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
    "slack": _type(_CLIENT),
    # domain: GitHub Enterprise Server, GitLab and Salesforce have installations of one's own.
    "github": _type(_CLIENT, "domain"),
    "microsoft": _type(_CLIENT, "tenant"),
    "atlassian": _type(_CLIENT),
    "salesforce": _type(_CLIENT, "domain"),
    "notion": _type(_CLIENT),
    "linear": _type(_CLIENT),
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
    "exchange": _type("standard token_url", "client_id client_secret client_auth audience resource tenant"),
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


_BUILT = frozenset({"api_key", "bearer", "aws", "agent"})


def unbuilt(provider: Provider) -> str | None:
    """What of *provider* isn't part of this release, so that no credential can be had of it; ``None``: all is there."""
    if provider.type == "oauth2":
        return None if provider.grant == "client_credentials" else f"grant: {provider.grant}"
    return None if provider.type in _BUILT else f"type: {provider.type}"
