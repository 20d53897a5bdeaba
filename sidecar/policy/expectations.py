"""What a team expects of its capabilities, and whether it holds. Pure."""

from dataclasses import dataclass

from sidecar.policy.decision import Access
from sidecar.policy.explained import Failure

ALLOW, DENY = "allow", "deny"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of an access."""

    allowed: bool
    capability: str | None = None
    """The one that allows it, or came nearest; ``inbound.who`` where the principal may not call the agent at all."""
    failures: tuple[Failure, ...] = ()
    """What the one that came nearest fails."""
    hurdles: tuple[Failure, ...] = ()
    """What stands in the way whatever is declared under capabilities."""
    shadow: bool = False
    """It isn't allowed, and is let through all the same: ``policy.mode`` is ``shadow``."""
    notes: tuple[str, ...] = ()
    """What else it takes."""

    @property
    def against(self) -> tuple[Failure, ...]:
        """Everything that speaks against it."""
        return (*self.hurdles, *self.failures)

    @property
    def outcome(self) -> str:
        return ALLOW if self.allowed else DENY


@dataclass(frozen=True, slots=True)
class Expectation:
    """One case of a file."""

    name: str
    line: int
    access: Access
    expect: str
    capability: str | None = None
    """The one that has to allow it, or come nearest."""
    failed: str | None = None
    """A condition that has to fail, by its name (``who.groups``), or as the record has it."""
    at: float | None = None
    """When, in epoch seconds; ``None``: now."""

    def differs(self, verdict: Verdict) -> str | None:
        """In what *verdict* isn't as expected; ``None``: it is."""
        if verdict.outcome != self.expect:
            by = f" by {verdict.capability}" if verdict.allowed and verdict.capability else ""
            return f"expected {self.expect}, got {verdict.outcome}{by}"
        if self.capability is not None and verdict.capability != self.capability:
            what = "allowed by" if verdict.allowed else "nearest is"
            return f"expected {what} {self.capability}, got {verdict.capability or 'none'}"
        if self.failed is not None and not any(_is(self.failed, failure.condition) for failure in verdict.against):
            names = ", ".join(_name(failure.condition) for failure in verdict.against)
            return f"expected {self.failed} to fail, got {names or 'no condition that does'}"
        return None


def _is(failed: str, condition: str) -> bool:
    return condition == failed or condition.startswith(f"{failed}:")


def _name(condition: str) -> str:
    return condition.partition(": ")[0]
