"""When the sidecar is ready: a table."""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from sidecar.ops.readiness import unready


@dataclass(frozen=True)
class Held:
    keys: int


READY: list[Mapping[str, Held]] = [{}, {"okta": Held(1)}, {"okta": Held(2), "staff": Held(0)}]


@pytest.mark.parametrize("issuers", READY)
def test_it_is_ready_with_one_issuers_keys_or_with_none_configured(issuers: Mapping[str, Held]) -> None:
    assert unready(draining=False, issuers=issuers, journal=None) == ()


def test_it_is_not_ready_while_no_issuer_has_keys() -> None:
    (reason,) = unready(draining=False, issuers={"staff": Held(0), "okta": Held(0)}, journal=None)
    assert reason == "no issuer's keys were fetched yet: okta, staff"


def test_it_is_not_ready_once_it_drains() -> None:
    (reason,) = unready(draining=True, issuers={}, journal=None)
    assert "draining" in reason


def test_it_is_not_ready_while_events_cannot_be_recorded() -> None:
    (reason,) = unready(draining=False, issuers={}, journal="No space left on device")
    assert reason == "the journal takes no events: No space left on device"


def test_every_reason_is_given() -> None:
    assert len(unready(draining=True, issuers={"okta": Held(0)}, journal="full")) == 3
