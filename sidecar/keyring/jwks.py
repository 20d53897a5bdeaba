"""An issuer's published documents, read strictly: its discovery document and its JWK Set (RFC 7517; OpenID Connect
Discovery)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sidecar.identity import key
from sidecar.identity.issuer import Issuer
from sidecar.identity.key import Key, KeyUnusable
from sidecar.identity.places import LOOPBACK
from sidecar.wire.strict import json_object

MOST_BYTES = 1 << 20
MOST_KEYS = 1000


class Unfit(ValueError):
    """The document cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The usable keys of one set."""

    keys: frozenset[Key]
    skipped: tuple[str, ...] = ()
    """Why keys were left out, by their place in the set."""

    def fit(self, kid: str | None, alg: str) -> Key | None:
        """The one key that fits. None does where two would: which of them signed is never guessed."""
        fitting = [key for key in self.keys if alg in key.algorithms and kid in (None, key.kid)]
        return fitting[0] if len(fitting) == 1 else None

    def knows(self, kid: str | None, alg: str) -> bool:
        """Whether ``fit`` has this set's last word: it holds the name, or a key for a token without one."""
        return any(alg in key.algorithms if kid is None else key.kid == kid for key in self.keys)


def keys(body: bytes) -> Keys:
    """Read a JWK Set. Raise ``Unfit`` unless it holds a usable key; keys that are not usable are left out."""
    if len(body) > MOST_BYTES:
        raise Unfit(f"the key set has more than {MOST_BYTES} bytes")
    entries = _object(body, "key set").get("keys")
    if not isinstance(entries, list) or len(entries) > MOST_KEYS:
        raise Unfit(f"the key set has no list of at most {MOST_KEYS} keys")
    usable: set[Key] = set()
    skipped: list[str] = []
    for place, entry in enumerate(entries):
        try:
            usable.add(key.read(_jwk(entry)))
        except KeyUnusable as error:
            skipped.append(f"key {place}: {error}")
    if not usable:
        raise Unfit(f"the key set holds no usable key ({'; '.join(skipped) or 'it is empty'})"[:500])
    return Keys(frozenset(usable), tuple(skipped))


def jwks_uri(body: bytes, issuer: Issuer) -> str:
    """Where the discovery document says that the keys are. Raise ``Unfit`` unless the document is *issuer*'s own."""
    if len(body) > MOST_BYTES:
        raise Unfit(f"the discovery document has more than {MOST_BYTES} bytes")
    document = _object(body, "discovery document")
    named = document.get("issuer")
    if named not in issuer.urls if issuer.metadata_issuer is None else named != issuer.metadata_issuer:
        raise Unfit("the discovery document is another issuer's")
    uri = document.get("jwks_uri")
    if not isinstance(uri, str) or not _as_safe(uri, issuer.discovery_url or ""):
        raise Unfit("the discovery document names no jwks_uri, or one that is less safe than its own place")
    return uri


def _jwk(entry: object) -> Mapping[str, Any]:
    if not isinstance(entry, dict):
        raise KeyUnusable("it is not an object")
    return entry


def _object(body: bytes, what: str) -> dict[str, Any]:
    try:
        return json_object(body)
    except ValueError as error:
        raise Unfit(f"the {what} is not a JSON object") from error


def _as_safe(uri: str, discovery_url: str) -> bool:
    """https; http only where the document itself came over http, and then only on loopback."""
    try:
        parts = urlsplit(uri)
        host = parts.hostname
    except ValueError:
        return False
    if parts.scheme == "http":
        return discovery_url.startswith("http:") and host in LOOPBACK
    return parts.scheme == "https" and bool(host)
