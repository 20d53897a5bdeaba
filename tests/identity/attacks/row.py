"""One row of the table of attacks, and short ways of writing many."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.identity.attacks.mint import Mint

Make = Callable[[Mint], bytes]


@dataclass(frozen=True, slots=True)
class Row:
    family: str
    name: str
    code: str
    """The refusal's, or ``""`` for a sibling that has to pass."""
    make: Make
    issuer: str
    """Which of the mint's issuers is the configured one."""


def rows(family: str, code: str, makers: Mapping[str, Make], issuer: str = "oidc") -> list[Row]:
    return [Row(family, name, code, make, issuer) for name, make in makers.items()]


def each(
    family: str, code: str, label: str, values: Iterable[Any] | Mapping[str, Any], make: Callable[[Mint, Any], bytes]
) -> list[Row]:
    """A row for each value; ``{}`` in *label* stands for the value, or for its name where the values have names."""
    named = values if isinstance(values, Mapping) else {repr(value): value for value in values}

    def bound(value: Any) -> Make:
        return lambda mint: make(mint, value)

    return [Row(family, label.format(name), code, bound(value), "oidc") for name, value in named.items()]


def by_value(family: str, code: str, claim: str, values: Mapping[str, Any]) -> list[Row]:
    """A row for each value of one claim."""
    return each(family, code, claim + " {}", values, lambda mint, value: mint.claim(claim, value))
