"""The state key out of HashiCorp Vault's or OpenBao's transit engine.

``vault:MOUNT/KEY``, with ``?version=N`` where it isn't the key's first version: an HMAC over a text of ours, which
whoever may ask for it gets, the same each time and for a whole fleet. So nothing has to be kept, and the key that it is
made with never leaves the engine. The version is fixed: to rotate the transit key changes nothing here.

Where and by whom it is asked is said by Vault's own variables: ``VAULT_ADDR``, ``VAULT_TOKEN``, ``VAULT_NAMESPACE``.
The token needs ``update`` on ``MOUNT/hmac/KEY``.
"""

import base64
import json
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from sidecar.keyring.root import BYTES, KeyUnusable, Root
from sidecar.wire.http import Fetch, Request, Response, Unreachable

SCHEME = "vault:"
MESSAGE = b"agent-identity-sidecar state key 1"
"""What the HMAC is over; another text would be another state key."""
_PLACE = re.compile(r"vault:([\w.-]+(?:/[\w.-]+)*)/([\w.-]+)(?:\?version=([1-9]\d{0,8}))?", re.ASCII)
_HMAC = re.compile(r"vault:v(\d{1,9}):([A-Za-z0-9+/]{43}=)")


async def held(text: str, environ: Mapping[str, str], fetch: Fetch) -> Root:
    """Raise ``KeyUnusable``."""
    asked, version = request(text, environ)
    try:
        return read(await fetch(asked), version)
    except Unreachable as error:
        raise KeyUnusable(f"the state key can't be had of {environ['VAULT_ADDR']}: {error}") from error


def request(text: str, environ: Mapping[str, str]) -> tuple[Request, int]:
    """And the version of the key. Raise ``KeyUnusable``."""
    place = _PLACE.fullmatch(text)
    if place is None:
        raise KeyUnusable("state.key names no key of a transit engine; write  vault:transit/KEY")
    if any(not part.strip(".") for part in f"{place[1]}/{place[2]}".split("/")):  # it would be another path
        raise KeyUnusable("state.key names no key of a transit engine; write  vault:transit/KEY")
    mount, key, version = place[1], place[2], int(place[3] or 1)
    address, token = environ.get("VAULT_ADDR", ""), environ.get("VAULT_TOKEN", "")
    if not address or not token:
        raise KeyUnusable("the state key is held by Vault; set VAULT_ADDR and VAULT_TOKEN in the sidecar's environment")
    where = urlsplit(address)
    if where.scheme != "https" and where.hostname not in ("127.0.0.1", "::1", "localhost"):
        raise KeyUnusable("VAULT_ADDR is neither https:// nor on loopback: the answer is a secret")
    headers = {"X-Vault-Token": token, "X-Vault-Request": "true", "Content-Type": "application/json"}
    if namespace := environ.get("VAULT_NAMESPACE"):
        headers["X-Vault-Namespace"] = namespace
    body = {"input": base64.b64encode(MESSAGE).decode(), "key_version": version}
    url = f"{address.rstrip('/')}/v1/{mount}/hmac/{key}/sha2-256"
    return Request(url, "POST", headers, json.dumps(body).encode(), most=65_536), version


def read(answer: Response, version: int) -> Root:
    """Raise ``KeyUnusable``, without anything of the answer but its status."""
    if answer.status != 200:
        why = {403: "the token may not", 404: "there is no such key"}.get(answer.status, "it says why in its log")
        raise KeyUnusable(f"Vault gives no state key: it answers {answer.status} ({why})")
    try:
        found = _HMAC.fullmatch(json.loads(answer.body)["data"]["hmac"])
    except (ValueError, LookupError, TypeError):
        found = None
    if found is None or int(found[1]) != version:
        raise KeyUnusable("Vault gives no state key: its answer is no HMAC of the version that was asked for")
    key = base64.b64decode(found[2])
    assert len(key) == BYTES  # noqa: S101 - 43 characters and one of padding
    return Root(key)
