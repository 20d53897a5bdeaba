"""Which groups and roles of a principal are recorded where its invocation opens, for ``sidecar policy propose``. Pure.

Other events name the principal, and with it these. A list is whole or it isn't there: of half of one nobody could tell
whom it lacks.
"""

import json
from collections.abc import Collection, Mapping

from sidecar.events import MOST_VALUE, Attribute, Value
from sidecar.identity.principal import Principal

MOST = 32
"""The most groups, and roles, that are recorded."""


def memberships(principal: Principal, named: Mapping[str, Collection[str]] | None) -> dict[str, Value]:
    """*named*: the ``groups`` and ``roles`` that the configuration names, of which alone something is said; ``None``:
    all. Never one that may be an email address."""
    found = {Attribute.PRINCIPAL_GROUPS: principal.groups, Attribute.PRINCIPAL_ROLES: principal.roles}
    keys = {Attribute.PRINCIPAL_GROUPS: "groups", Attribute.PRINCIPAL_ROLES: "roles"}
    said: dict[str, Value] = {}
    for attribute, names in found.items():
        if names is None:
            continue
        told = names if named is None else names.intersection(named[keys[attribute]])
        recorded = sorted(name for name in told if "@" not in name)
        if len(recorded) <= MOST and len(json.dumps(recorded)) <= MOST_VALUE:
            said[attribute] = tuple(recorded)
    return said
