"""Whose a session of the older era is (2025-11-25, "Session Management"). Pure.

A server knows a session by an id that it gave when the session began, and takes whoever says it for the same client. So
ids are remembered, as digests, with whoever was given them; what isn't known (any more) begins anew.
"""

from hashlib import sha256


class Sessions:
    """The sessions that are open, as far as they are remembered."""

    MOST = 16_384

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._owners: dict[bytes, str] = {}

    def owner(self, route: str, session: bytes) -> str | None:
        """Whose it is; ``None``: nobody knows. It is remembered the longer for it."""
        key = _key(route, session)
        owner = self._owners.pop(key, None)
        if owner is not None:
            self._owners[key] = owner
        return owner

    def bind(self, route: str, session: bytes, owner: str) -> bool:
        """Remember whose it is; ``False``: it is another's."""
        known = self.owner(route, session)
        if known is None:
            if len(self._owners) >= self._most:
                del self._owners[next(iter(self._owners))]  # the one that was unused for longest
            self._owners[_key(route, session)] = owner
        return known in (None, owner)

    def forget(self, route: str, session: bytes) -> None:
        self._owners.pop(_key(route, session), None)


def _key(route: str, session: bytes) -> bytes:
    return sha256(b"%b\0%b" % (route.encode(), session)).digest()
