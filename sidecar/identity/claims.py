"""Reading claims without coercion: a value is of the type that is due, or it is refused."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from sidecar.errors import ClaimMissing, TokenMalformed

MOST_CHARACTERS = 255
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters and lone surrogates."""


def find(claims: Mapping[str, Any], path: str) -> Any:
    """The claim of that very name, or the member at the end of the path's steps; ``None`` where there is none."""
    if path in claims:
        return claims[path]
    value: Any = claims
    for step in path.split("/"):
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


def identifier(claims: Mapping[str, Any], path: str) -> str | None:
    """A name that keys are made of: 1 to 255 characters, none of them a control character or a surrogate, no white
    space around."""
    value = find(claims, path)
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= MOST_CHARACTERS:
        raise TokenMalformed(f"the claim {path} is not a text of 1 to {MOST_CHARACTERS} characters")
    if _UNFIT.search(value) or value.strip() != value:
        raise TokenMalformed(f"the claim {path} holds control characters or surrogates, or white space around it")
    return value


def needed(claims: Mapping[str, Any], path: str) -> str:
    value = identifier(claims, path)
    if value is None:
        raise ClaimMissing(f"the claim {path} is missing")
    return value


def text(claims: Mapping[str, Any], path: str | None) -> str | None:
    """A text for display, or nothing."""
    value = find(claims, path) if path else None
    return value if isinstance(value, str) and value else None


def groups(claims: Mapping[str, Any], paths: Iterable[str]) -> frozenset[str] | None:
    """The groups; ``None`` where the issuer says that there are some and not which, or says it in a way that cannot be
    read.

    Entra names up to 200 groups in a token, and beyond that only where to ask (``_claim_names``, OpenID Connect Core
    5.6.2, or ``hasgroups``).
    """
    elsewhere = claims.get("_claim_names")
    if claims.get("hasgroups") or (isinstance(elsewhere, dict) and elsewhere.keys() & set(paths)):
        return None
    try:
        return names(claims, paths)
    except TokenMalformed:
        return None


def names(claims: Mapping[str, Any], paths: Iterable[str], separator: str | None = None) -> frozenset[str]:
    """The union of what all paths hold. A text is one name (``Domain Admins`` is one group), unless there is a
    *separator*."""
    found: set[str] = set()
    for path in paths:
        value = find(claims, path)
        if isinstance(value, str):
            found.update(value.split(separator) if separator else (value,))
        elif isinstance(value, list) and all(isinstance(member, str) for member in value):
            found.update(value)
        elif value is not None:
            raise TokenMalformed(f"the claim {path} is neither a text nor a list of texts")
    found.discard("")
    return frozenset(found)


def holds(claims: Mapping[str, Any], path: str, values: frozenset[str]) -> bool:
    """Whether the claim is one of *values*, or is a list of which one member is."""
    value = find(claims, path)
    return any(written(member) in values for member in (value if isinstance(value, list) else (value,)))


def written(value: object) -> str | None:
    """A scalar as a configuration writes it; ``None``: nothing that it could write."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int) else None


def instant(claims: Mapping[str, Any], name: str) -> float | None:
    """A NumericDate (RFC 7519, section 2): seconds since 1970, below the year 10000."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 253402300800:
        raise TokenMalformed(f"the claim {name} is not a point in time")
    return float(value)
