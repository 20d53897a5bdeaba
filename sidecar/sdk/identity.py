"""Who called, as the sidecar says it: in a request's headers, or in the identity API's answer. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

PREFIX = "x-identity-"
INVOCATION = "x-identity-invocation"


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller whose token the sidecar verified."""

    id: str
    """The principal's key, the same everywhere: what data is keyed on."""
    subject: str
    """The user's key within the issuer, for display."""
    issuer: str
    """The issuer's name in the sidecar's configuration."""
    kind: str
    """``user``, ``service`` or ``workflow``."""
    tenant: str | None = None
    client: str | None = None
    name: str | None = None
    email: str | None = None
    """Only an email that the issuer says is verified."""
    groups: frozenset[str] | None = frozenset()
    """``None`` where the issuer says that there are groups but not which: unknown, never "none"."""
    roles: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    truncated: frozenset[str] = frozenset()
    """The fields above that were too long for headers, and so were cut or left out."""


def of_headers(headers: Mapping[str, str]) -> Principal | None:
    """The principal of *headers*, by lower-case names; ``None`` where they name none."""
    needed = [headers.get(PREFIX + name) for name in ("principal", "subject", "issuer", "kind")]
    given = [text for text in needed if text]
    if len(given) < len(needed):
        return None
    key, subject, issuer, kind = given
    unknown = headers.get(PREFIX + "groups-unknown") == "true"
    return Principal(
        id=key,
        subject=unquote(subject),
        issuer=unquote(issuer),
        kind=kind,
        **{name: _single(headers.get(PREFIX + name)) for name in ("tenant", "client", "name", "email")},
        groups=None if unknown else _several(headers.get(PREFIX + "groups")),
        roles=_several(headers.get(PREFIX + "roles")),
        scopes=_several(headers.get(PREFIX + "scopes")),
        truncated=frozenset(
            name.strip().lower().removeprefix(PREFIX) for name in _items(headers.get(PREFIX + "truncated"))
        ),
    )


def of_document(document: Mapping[str, Any]) -> Principal:
    """The principal of the identity API's *document*. Raise ``KeyError`` or ``TypeError`` for another one."""
    return Principal(
        **{name: document[name] for name in ("id", "subject", "issuer", "kind", "tenant", "client", "name", "email")},
        groups=None if document["groups"] is None else frozenset(document["groups"]),
        roles=frozenset(document["roles"]),
        scopes=frozenset(document["scopes"]),
    )


def _single(text: str | None) -> str | None:
    return unquote(text) if text else None


def _items(text: str | None) -> list[str]:
    return [item for item in text.split(",") if item] if text else []


def _several(text: str | None) -> frozenset[str]:
    """A list is taken apart before it is decoded: a comma inside an item is encoded."""
    return frozenset(unquote(item) for item in _items(text))
