"""Whether traffic should come here, and if not, why: the answer is for a probe, the reasons are for the operator."""

from collections.abc import Mapping
from typing import Protocol


class Keys(Protocol):
    """What is asked of an issuer's keys; ``keyring.State`` is one."""

    @property
    def keys(self) -> int: ...


def unready(*, draining: bool, issuers: Mapping[str, Keys], journal: str | None) -> tuple[str, ...]:
    """Why the sidecar isn't ready; empty when it is.

    *journal* says why events can't be recorded, or is ``None`` when they can. One issuer's keys are enough: that
    another issuer is away must not take the agent away from callers whose tokens can be verified.
    """
    reasons = []
    if draining:
        reasons.append("the sidecar is draining: it was told to stop")
    if issuers and not any(state.keys for state in issuers.values()):
        reasons.append(f"no issuer's keys were fetched yet: {', '.join(sorted(issuers))}")
    if journal is not None:
        reasons.append(f"the journal takes no events: {journal}")
    return tuple(reasons)
