"""A secret is a type, so that redaction is not a discipline."""

import hmac
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, eq=False)
class Secret:
    """Call ``reveal`` at the one place where the value leaves the process."""

    _value: str = field(repr=False)

    def reveal(self) -> str:
        return self._value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    __hash__ = None  # type: ignore[assignment]  # a secret is never a key: its hash would be one more copy

    def __str__(self) -> str:
        return "Secret(…)"

    __repr__ = __str__

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a secret is not pickled")
