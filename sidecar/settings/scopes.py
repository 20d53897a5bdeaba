"""Scopes, by the short names of the catalogue or by the provider's own, which are equal: brought into the latter's
form, in which they are compared and reported."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from sidecar.oauth.provider import CATALOGUE, Provider


def in_providers_form(parts: Mapping[str, Any]) -> dict[str, Any]:
    """*parts* of the settings, with the scopes of routes and capabilities as their providers call them."""
    providers: Mapping[str, Provider] = parts["providers"]
    if not any(provider.type in CATALOGUE for provider in providers.values()):
        return dict(parts)
    egress = parts["egress"]._replace(routes=_named(parts["egress"].routes, providers))
    return {**parts, "egress": egress, "capabilities": _named(parts["capabilities"], providers)}


def _named(table: Mapping[str, Any], providers: Mapping[str, Provider]) -> Mapping[str, Any]:
    from sidecar.oauth.catalog import named

    found = {
        name: replace(each, scopes=named(provider, each.scopes))
        for name, each in table.items()
        if each.scopes and (provider := providers.get(each.provider or "")) is not None
    }
    return MappingProxyType({**table, **found})
