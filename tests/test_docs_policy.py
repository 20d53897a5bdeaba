"""Every documented example of capabilities is a policy test: the expectations beside it hold."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from sidecar import settings
from sidecar.assembly import policing

ROOT = Path(__file__).parent.parent
AGENT = 'agent: {name: travel-agent, url: "http://127.0.0.1:8000"}\n'
PAGES = ("reference/capabilities.md", "how-to/policy.md")
NOW = 1_790_000_000.0
_BLOCK = re.compile(r"^```yaml( expectations)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Example(NamedTuple):
    place: str
    configuration: str
    expectations: str


def examples() -> list[Example]:
    """Each configuration that declares capabilities, with the expectations that follow it."""
    found = []
    for page in PAGES:
        text = (ROOT / "docs" / page).read_text()
        declared, place = "", ""
        for block in _BLOCK.finditer(text):
            if block[1]:
                found.append(Example(place, declared, block[2]))
                declared = ""
            elif "capabilities:" in block[2]:
                assert not declared, f"{place} has no expectations"
                declared, place = block[2], f"{page}:{text.count(chr(10), 0, block.start()) + 1}"
        assert not declared, f"{place} has no expectations"
    return found


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.place)
def test_every_example_does_what_is_said_beside_it(example: Example, tmp_path: Path) -> None:
    configuration, file = tmp_path / "sidecar.yaml", tmp_path / "expectations.yaml"
    configuration.write_text(AGENT + example.configuration)
    file.write_text(example.expectations)
    said = policing.tested(settings.load(configuration, {}, strict=False), file, NOW)
    assert said.well, "\n".join(said.lines)


def test_each_page_has_some() -> None:
    assert {example.place.partition(":")[0] for example in examples()} == set(PAGES)


def test_the_travel_agents_capabilities_do_what_is_expected_of_them() -> None:
    read = settings.load(ROOT / "config" / "travel.yaml", {}, strict=False)
    said = policing.tested(read, ROOT / "docs" / "reference" / "expectations" / "travel.yaml", NOW)
    assert said.well, "\n".join(said.lines)
    allowing = {case["capability"] for case in said.json["cases"] if case["got"] == "allow"} - {"inbound.who"}
    assert allowing == set(read.capabilities)
