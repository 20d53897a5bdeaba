"""Conditions and capabilities in plain words, for people at a terminal. Pure."""

from collections.abc import Collection, Iterator

from sidecar.policy.capability import Capability, Who

_NOUNS = {
    "issuer": ("issuer", "issuers"),
    "subject": ("subject", "subjects"),
    "kind": ("kind", "kinds"),
    "tenant": ("tenant", "tenants"),
    "client": ("client", "clients"),
    "groups": ("group", "groups"),
    "roles": ("role", "roles"),
    "scopes": ("scope", "scopes"),
}
KEYS = tuple(_NOUNS)
"""Of a condition, those that name values."""


def one_of(key: str, values: Collection[str]) -> str:
    """``group sales``; ``one of the groups sales, staff``."""
    one, several = _NOUNS[key]
    return f"{one} {next(iter(values))}" if len(values) == 1 else f"one of the {several} {together(values)}"


def together(values: Collection[str]) -> str:
    return ", ".join(sorted(values))


def has(key: str, values: Collection[str]) -> str:
    """What somebody has of *key*: ``eng, ops``; ``no group``."""
    return together(values) or f"no {_NOUNS[key][0]}"


def claim(path: str, values: Collection[str]) -> str:
    return f"claim {path} {together(values)}" if len(values) == 1 else f"claim {path} one of {together(values)}"


def who(condition: Who) -> str:
    """``issuer okta and group sales``; ``anybody``; ``the agent itself``."""
    parts = [*_parts(condition)]
    if not parts:
        return "anybody" if condition.principal else "the agent, whoever it works for"
    return " and ".join(parts)


def _parts(condition: Who) -> Iterator[str]:
    for key in KEYS:
        if (named := getattr(condition, key)) is not None:
            yield one_of(key, named)
    for path, values in condition.claims.items():
        yield claim(path, values)
    if condition.any_of:
        yield f"({either(condition.any_of)})"
    yield from (_nested(each) for each in condition.all_of)
    yield from (f"not {_nested(each)}" for each in condition.none_of)


def either(conditions: Collection[Who]) -> str:
    return " or ".join(map(_nested, conditions))


def _nested(condition: Who) -> str:
    said = who(condition)
    return f"({said})" if " and " in said or " or " in said else said


def opens(capability: Capability) -> Iterator[str]:
    """What it allows, one thing each: routes with what narrows them, a credential, tools with their arguments."""
    if capability.routes:
        narrows = together(capability.methods or ())
        narrows = " ".join(filter(None, (narrows, together(capability.paths or ()))))
        noun = "route" if len(capability.routes) == 1 else "routes"
        yield f"{noun} {together(capability.routes)}" + (f" ({narrows})" if narrows else "")
    if capability.provider is not None:
        scopes = f": {together(capability.scopes)}" if capability.scopes else ""
        yield f"credential of {capability.provider}{scopes}"
    if capability.tools:
        arguments = "; ".join(f"{name} {_or(values)}" for name, values in capability.arguments.items())
        noun = "tool" if len(capability.tools) == 1 else "tools"
        yield f"{noun} {together(capability.tools)}" + (f" ({arguments})" if arguments else "")


def _or(values: Collection[str]) -> str:
    return " or ".join(sorted(values))
