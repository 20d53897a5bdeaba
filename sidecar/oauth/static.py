"""Keys and tokens that the configuration gives: the same for every call, and never refreshed."""

import base64
import re
from urllib.parse import quote

from sidecar.oauth.credential import Ask, Credential
from sidecar.oauth.provider import Provider
from sidecar.secret import Secret

_AUTHORIZATION = "Authorization"
_VALUE = re.compile(r"[\x20-\x7e]+")


class Static:
    """One credential for all."""

    def __init__(self, credential: Credential, fills: frozenset[bytes], parameter: bytes) -> None:
        self.fills, self.parameter = fills, parameter
        self._credential = credential

    def ready(self, ask: Ask) -> Credential:
        return self._credential

    async def obtain(self, ask: Ask) -> Credential:
        return self._credential

    def close(self) -> None:
        """It is the configuration's own; nothing else is held."""


def static(provider: Provider) -> Static:
    """The source of an ``api_key`` or ``bearer`` provider. Raise ``ValueError`` for what no header can carry."""
    if provider.type == "bearer":
        return _in_header(_given(provider.token), _AUTHORIZATION, "Bearer ", "Bearer")
    key = _given(provider.key)
    if provider.query:
        query = f"{quote(provider.query, safe='')}={quote(key.reveal(), safe='')}".encode()
        return Static(Credential(key, query=query, token_type=_KEY), frozenset(), provider.query.encode())
    if provider.basic:
        return _basic(key, provider.basic)
    return _in_header(key, provider.header or _AUTHORIZATION, _spaced(provider.prefix or ""), _KEY)


_KEY = "api_key"


def _given(secret: Secret | None) -> Secret:
    if secret is None:
        raise ValueError("the provider has neither key nor token")
    return secret


def _in_header(secret: Secret, name: str, prefix: str, token_type: str) -> Static:
    value = prefix + secret.reveal()
    if not _VALUE.fullmatch(value):
        raise ValueError(f"the value of {name} has characters that a header can't carry")
    credential = Credential(secret, lines=f"{name}: {value}\r\n".encode(), token_type=token_type)
    return Static(credential, frozenset({name.lower().encode()}), b"")


def _basic(key: Secret, basic: str | bool) -> Static:
    """RFC 7617, section 2: user name and password in UTF-8; a user name has no colon."""
    user, password = (basic, key.reveal()) if isinstance(basic, str) else (key.reveal(), "")
    if ":" in user:
        raise ValueError("the user name of Basic authentication has a colon")
    pair = base64.b64encode(f"{user}:{password}".encode())
    credential = Credential(key, lines=b"Authorization: Basic %b\r\n" % pair, token_type=_KEY)
    return Static(credential, frozenset({b"authorization"}), b"")


def _spaced(prefix: str) -> str:
    """*prefix* as it stands before the key: a scheme such as ``Token`` is followed by a space (RFC 9110, 11.4)."""
    return f"{prefix} " if prefix[-1:].isalnum() else prefix
