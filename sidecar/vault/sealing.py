"""A grant as a sealed row, and back: AES-256-GCM, and nothing readable beside it.

A row's id is a keyed digest of the whole place that its grant is kept under: owner, authorization server, client,
namespace and scopes. Id, owner's digest, version and the data key's id are authenticated with what is sealed, and the
place inside has to give the same id again; so a row proves its place, and can't be put at another. Each row is sealed
under a key of its own, derived from the data key and its id: random nonces never run out.
"""

import hmac
import json
import os
from dataclasses import replace
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sidecar.secret import Secret
from sidecar.vault.grant import At, Grant, Owner, Place
from sidecar.vault.keys import Keys, Random
from sidecar.vault.store import KeyGone, Row

_NONCE = 12
_ROOM = 256
"""Bytes: what is sealed is filled up to a multiple, for its length would tell providers apart."""


class Refused(Exception):
    """The row isn't what was sealed at its place; the text says how that is known."""


class Sealing:
    def __init__(self, keys: Keys, random: Random = os.urandom) -> None:
        self.keys, self._random = keys, random
        self._intents = AESGCM(hmac.digest(keys.ids, b"intents", "sha256"))

    def id(self, place: Place) -> bytes:
        owner, at = place.owner, place.at
        told = ["place", *_owner(owner), at.server, at.client_id, at.namespace, sorted(place.scopes)]
        return hmac.digest(self.keys.ids, json.dumps(told).encode(), "sha256")

    def owner(self, owner: Owner) -> bytes:
        return hmac.digest(self.keys.ids, json.dumps(["owner", *_owner(owner)]).encode(), "sha256")

    def seal(self, grant: Grant) -> Row:
        """Under the newest key."""
        place, key = grant.place, self.keys.newest
        row = Row(self.id(place), self.owner(place.owner), grant.version, key, b"")
        nonce = self._random(_NONCE)
        return replace(row, sealed=nonce + self._aead(row).encrypt(nonce, _plain(grant), _told(row)))

    def unseal(self, row: Row) -> Grant:
        """Raise ``Refused``, or ``KeyGone`` where its key isn't known."""
        try:
            plain = self._aead(row).decrypt(row.sealed[:_NONCE], row.sealed[_NONCE:], _told(row))
        except (InvalidTag, ValueError, OverflowError) as error:
            raise Refused("it doesn't open: it was changed, or belongs elsewhere") from error
        grant = replace(_grant(json.loads(plain)), version=row.version)
        if self.id(grant.place) != row.id or self.owner(grant.place.owner) != row.owner:
            raise Refused("it was sealed at another place")
        return grant

    def seal_intent(self, grant: Grant) -> bytes:
        """What a refresh begins with or ends in; rotations of the data key leave it readable."""
        nonce = self._random(_NONCE)
        return nonce + self._intents.encrypt(nonce, _plain(grant), b"")

    def unseal_intent(self, sealed: bytes) -> Grant:
        """Raise ``Refused``."""
        try:
            return _grant(json.loads(self._intents.decrypt(sealed[:_NONCE], sealed[_NONCE:], b"")))
        except (InvalidTag, ValueError) as error:
            raise Refused("it doesn't open: it was changed, or is of another vault") from error

    def _aead(self, row: Row) -> AESGCM:
        key = self.keys.rows.get(row.key)
        if key is None:
            raise KeyGone(row.key.hex())
        return AESGCM(hmac.digest(key, b"row" + row.id, "sha256"))


def _owner(owner: Owner) -> tuple[str, str, str]:
    return owner.issuer_url, owner.tenant, owner.subject


def _told(row: Row) -> bytes:
    return b"sidecar vault row 1" + row.id + row.owner + row.key + row.version.to_bytes(8, "big")


def _plain(grant: Grant) -> bytes:
    owner, at = grant.place.owner, grant.place.at
    said = {
        "owner": _owner(owner),
        "at": (at.server, at.client_id, at.namespace),
        "scopes": sorted(grant.place.scopes),
        "account": grant.account,
        "label": grant.label,
        "refresh_token": grant.refresh_token.reveal() if grant.refresh_token else None,
        "access_token": grant.access_token.reveal() if grant.access_token else None,
        "token_type": grant.token_type,
        "expires": grant.expires,
        "refresh_expires": grant.refresh_expires,
        "since": grant.since,
        "used": grant.used,
        "used_by": grant.used_by,
        "dead": grant.dead,
        "version": grant.version,
    }
    text = json.dumps(said).encode()
    return text + b" " * (-len(text) % _ROOM)


def _grant(said: dict[str, Any]) -> Grant:
    """What ``_plain`` wrote: it was authenticated, so it is ours."""
    refresh, access = said.pop("refresh_token"), said.pop("access_token")
    place = Place(Owner(*said.pop("owner")), At(*said.pop("at")), frozenset(said.pop("scopes")))
    return Grant(
        place=place,
        refresh_token=None if refresh is None else Secret(refresh),
        access_token=None if access is None else Secret(access),
        **said,
    )
