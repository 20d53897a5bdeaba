"""Texts that are secrets. Every function raises ``Misfit`` for a text that isn't one, without any of it."""

import base64
import binascii
import re
from urllib.parse import urlsplit

from sidecar.secret import Secret
from sidecar.settings.problem import Misfit

KEY_SERVICES = ("awskms:", "vault:")
STATE_KEY = "[A-Za-z0-9+/_-]{43}=?|(awskms|vault):.+"
VAULT_URL = "sqlite:.+|postgresql://.+"
AGENT_TOKEN = "[A-Za-z0-9._~-]{16,256}"  # noqa: S105 - the form of one


def secret(text: str) -> Secret:
    if not text.isprintable() or text.strip() != text:
        raise Misfit(
            "holds a line break, a control character, or white space around it", "Give the secret alone, on one line."
        )
    return Secret(text)


def state_key(text: str) -> Secret:
    """32 bytes in base64 of either alphabet, which come back in the usual one, padded; or a key service's key."""
    if text.startswith(KEY_SERVICES):
        return secret(text)
    bare = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        key = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != 32:
        raise Misfit("is not 32 bytes in base64", "Make one with  openssl rand -base64 32")
    return Secret(base64.b64encode(key).decode())


def vault_url(text: str) -> Secret:
    if not re.fullmatch(VAULT_URL, text) or not _splits(text):
        raise Misfit("is not the URL of a vault", "Write  sqlite:PATH  or  postgresql://…")
    return secret(text)


def _splits(url: str) -> bool:
    """Whether a database's URL falls into parts: not with a ``/`` or ``#`` of the password's that isn't encoded."""
    if url.startswith("sqlite:"):
        return True
    try:
        parts = urlsplit(url)
        several = "," in parts.netloc  # hosts, each with a port of its own
        port = None if several else parts.port
    except ValueError:
        return False
    return port != 0


def agent_token(text: str) -> Secret:
    """A handle that stands as it is in headers, and in a URL as the user's name."""
    if not re.fullmatch(AGENT_TOKEN, text):
        raise Misfit("is not 16 to 256 letters, digits, - . _ and ~", "Make one with  openssl rand -hex 32")
    return Secret(text)
