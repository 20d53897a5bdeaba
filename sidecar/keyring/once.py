"""What may be used once, remembered for as long as it could be used again.

Only what has been verified comes here, so nobody but a trusted sidecar takes room; and each has its own, so that none
takes another's. What doesn't fit is refused: forgetting an older one would let it be used again.
"""

import math
from collections.abc import Callable
from hashlib import sha256

from sidecar.errors import Overloaded, TokenSpent

MOST = 100_000
"""Of one issuer at the same time: about 100 bytes each, for the minute or two that an assertion could be good."""
_SPAN = 8.0
"""Seconds: what ends in the same span is forgotten together, at its end."""


class Once:
    def __init__(self, *, clock: Callable[[], float], most: int = MOST) -> None:
        """*clock* gives epoch seconds."""
        self._clock, self._most = clock, most
        self._used: dict[str, dict[int, set[bytes]]] = {}
        """By issuer, and by the span in which they end."""

    def take(self, issuer: str, jti: str, until: float) -> None:
        """Use *jti* of *issuer* (its configured name), which nobody takes after *until* (epoch seconds).

        Raise ``TokenSpent`` where it has been used, ``Overloaded`` where too many are remembered.
        """
        spans = self._used.setdefault(issuer, {})
        self._forget(spans)
        key = sha256(jti.encode()).digest()[:16]
        if any(key in used for used in spans.values()):
            raise TokenSpent("its jti has been used")
        if sum(map(len, spans.values())) >= self._most:
            raise Overloaded(f"{issuer} makes more calls than can be remembered", retry_after=1)
        spans.setdefault(math.ceil(until / _SPAN), set()).add(key)

    def sweep(self) -> None:
        """Forget what can't be used again in any case."""
        for issuer, spans in tuple(self._used.items()):
            self._forget(spans)
            if not spans:
                del self._used[issuer]

    def __len__(self) -> int:
        return sum(len(used) for spans in self._used.values() for used in spans.values())

    def _forget(self, spans: dict[int, set[bytes]]) -> None:
        now = self._clock() / _SPAN
        for span in [span for span in spans if span <= now]:
            del spans[span]
