"""One text for what a configuration comes to, the same wherever it comes to the same."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from sidecar.secret import Secret


def digest(parts: Mapping[str, Any], key: Secret | None) -> str:
    """SHA-256 of *parts* in hex. Secrets go into it by their HMAC under *key*, so that they can't be tried out."""
    return hashlib.sha256(
        _written(parts, (key.reveal() if key else "sidecar configuration").encode()).encode()
    ).hexdigest()


def _written(value: Any, key: bytes) -> str:
    """*value* in one spelling: what it holds in order, sets and tables sorted."""
    if isinstance(value, Secret):
        return hmac.digest(key, value.reveal().encode(), "sha256").hex()
    if isinstance(value, Mapping):
        return (
            "{" + ",".join(sorted(f"{_written(name, key)}:{_written(one, key)}" for name, one in value.items())) + "}"
        )
    if isinstance(value, frozenset):
        return "{" + ",".join(sorted(_written(one, key) for one in value)) + "}"
    if isinstance(value, tuple):
        return f"{type(value).__name__}(" + ",".join(_written(one, key) for one in value) + ")"
    if hasattr(value, "__dataclass_fields__"):
        return (
            f"{type(value).__name__}("
            + ",".join(_written(getattr(value, name), key) for name in value.__dataclass_fields__)
            + ")"
        )
    return f"{type(value).__name__} {str(value)!r}"
