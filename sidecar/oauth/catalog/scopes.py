"""Scopes: by their short names, by the provider's, in plain words, and which of them are still missing. Pure."""

from collections.abc import Iterable

from sidecar.oauth.catalog.entry import Entry

_OIDC = frozenset({"openid", "profile", "email", "offline_access"})
_ALL = "/.default"


def named(entry: Entry, scopes: Iterable[str]) -> frozenset[str]:
    """*scopes*, short names or the provider's own, in the provider's form."""
    return frozenset(_named(entry, scope) for scope in scopes)


def _named(entry: Entry, scope: str) -> str:
    if (known := entry.scopes.get(scope)) is not None:
        return known.name
    if not entry.resource or scope in _OIDC:
        return entry.names.get(scope, scope)
    full = scope if "://" in scope else f"{entry.resource}/{scope}"
    return next((each.name for each in entry.scopes.values() if each.name.lower() == full.lower()), full)


def covered(entry: Entry, granted: Iterable[str]) -> frozenset[str]:
    """*granted*, and what they include; in the provider's form."""
    reached = set(granted)
    beyond = list(reached)
    while beyond:
        new = entry.implies.get(beyond.pop(), frozenset()) - reached
        reached |= new
        beyond += new
    return frozenset(reached)


def missing(entry: Entry, asked: Iterable[str], granted: Iterable[str]) -> frozenset[str]:
    """Those of *asked* that *granted* don't cover, in the provider's form. What is asked for with every grant, such as
    ``offline_access``, isn't looked for: providers don't always name it."""
    has = covered(entry, named(entry, granted))
    lacking = named(entry, asked) - has - entry.always
    if not entry.resource:
        return lacking
    have = {scope.lower() for scope in has}
    resources = {resource(entry, scope).lower() for scope in has - _OIDC}
    return frozenset(
        scope
        for scope in lacking
        if scope.lower() not in have and not (scope.endswith(_ALL) and resource(entry, scope).lower() in resources)
    )


def resource(entry: Entry, scope: str) -> str:
    """What a token with *scope*, in the provider's form, is for; empty: for anything."""
    return scope.rpartition("/")[0] if entry.resource and scope not in _OIDC else ""


def apart(entry: Entry, scopes: Iterable[str]) -> tuple[frozenset[str], ...]:
    """*scopes* as sets that one token each can cover, in the provider's form: a single one but where tokens are for
    one resource alone."""
    everywhere, sets = set(), dict[str, set[str]]()
    for scope in named(entry, scopes):
        if place := resource(entry, scope):
            sets.setdefault(place, set()).add(scope)
        else:
            everywhere.add(scope)
    return tuple(frozenset(sets[place] | everywhere) for place in sorted(sets)) or (frozenset(everywhere),)


def words(entry: Entry, scope: str) -> str | None:
    """What *scope* lets the agent do, to go on from "This lets the agent …"; ``None`` where nobody has said it."""
    name = _named(entry, scope)
    return next((known.words for known in entry.scopes.values() if known.name == name), None)
