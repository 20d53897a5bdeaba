"""What journeys configure and send: a configuration with one issuer and one agent, and requests with its tokens."""

from collections.abc import Mapping
from typing import Any

from tests.journeys.issuer import Issuer
from tests.oidc_provider import OidcProvider

NAME = "travel-agent"


def given(issuer: Issuer, url: str, /, **more: Any) -> dict[str, Any]:
    """The smallest configuration, for the agent at *url*; a keyword is a section to add to, or a top-level key."""
    floor: dict[str, Any] = {"agent": {"name": NAME, "url": url}, "issuers": {"shop": issuer.configured}}
    for key, section in more.items():
        floor[key] = {**floor.get(key, {}), **section} if isinstance(section, Mapping) else section
    return floor


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def configured(agent: str, issuers: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A configuration with these *issuers*, as they stand under that key."""
    return {"agent": {"name": NAME, "url": agent}, "issuers": issuers, **more}


def plain_entry(provider: OidcProvider, **more: Any) -> dict[str, Any]:
    """oidc-provider's own issuer, as it stands under ``issuers``."""
    return {"type": "oidc", "issuer": provider.plain, "audience": "https://travel.example/", **more}
