"""An AWS access key, as it is lent by STS, a container's agent or an instance's metadata. Pure."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sidecar.secret import Secret

_ID = re.compile(r"\w{16,128}", re.ASCII)
_VISIBLE = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Keys:
    """What requests are signed with. Temporary ones have a session token and an end."""

    id: str = field(repr=False)
    secret: Secret
    token: Secret | None = None
    expires: float | None = None
    """Epoch seconds; ``None``: they are long-lived."""

    def last(self, now: float, seconds: float) -> bool:
        """Whether they are good for *seconds* more."""
        return self.expires is None or self.expires - now > seconds


def keys(id: str, secret: str, token: str | None = None, expiration: str | None = None) -> Keys:  # noqa: A002 - AWS's word
    """From what somebody gave. Raise ``ValueError`` for what can't be one, without any of it."""
    if not _ID.fullmatch(id):
        raise ValueError("the access key's id has another form")
    if not _VISIBLE.fullmatch(secret) or not (token is None or _VISIBLE.fullmatch(token)):
        raise ValueError("the secret key or the session token isn't visible ASCII")
    return Keys(id, Secret(secret), Secret(token) if token else None, moment(expiration) if expiration else None)


def moment(text: str) -> float:
    """Epoch seconds of an RFC 3339 time. Raise ``ValueError``."""
    read = datetime.fromisoformat(text)
    return (read if read.tzinfo is not None else read.replace(tzinfo=UTC)).timestamp()


def rfc3339(seconds: float) -> str:
    """Whole seconds, in UTC: the form in which AWS writes an ``Expiration``."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
