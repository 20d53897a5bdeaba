"""The schema of policies: the one that the documentation shows."""

from pathlib import Path

import cedarpy

from sidecar.policy.decision import Act
from sidecar.policy.schema import SCHEMA

REFERENCE = Path(__file__).parents[2] / "docs/reference/cedar.md"


def test_cedar_can_read_it_and_it_has_an_action_for_each_act() -> None:
    cedarpy.Schema.from_str(SCHEMA)
    for act in Act:
        assert cedarpy.validate_policies(f'permit (principal, action == Action::"{act}", resource);', SCHEMA)


def test_the_reference_shows_it() -> None:
    assert f"```cedarschema\n{SCHEMA}```" in REFERENCE.read_text()
