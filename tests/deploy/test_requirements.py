"""The lock files: whole, hashed, agreeing, and free of addresses."""

import re
import tomllib
from collections.abc import Mapping

import pytest

from requirements.install import APART
from tests.child import ROOT

FOLDER = ROOT / "requirements"
TOGETHER = ("runtime", "test", "build", "bench")
SETS = (*TOGETHER, *sorted(APART))
ENTRY = re.compile(r"^([a-z0-9._-]+)==(\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE)


def pins(name: str) -> Mapping[str, str]:
    """Version by package."""
    return {package: version for package, version, _ in ENTRY.findall((FOLDER / f"{name}.lock").read_text())}


def asked(name: str) -> set[str]:
    """What the .in file asks for, names alone."""
    lines = (FOLDER / f"{name}.in").read_text().splitlines()
    wanted = (re.match(r"[A-Za-z0-9._-]+", line) for line in lines if not line.startswith(("-", "#")))
    return {found[0].lower() for found in wanted if found}


@pytest.mark.parametrize("name", SETS)
def test_every_pin_has_hashes_and_there_is_nothing_else(name: str) -> None:
    """No download address either, nor an index."""
    text = (FOLDER / f"{name}.lock").read_text()
    assert ENTRY.sub("", text) == ""
    assert pins(name)


@pytest.mark.parametrize("name", SETS)
def test_everything_asked_for_is_locked(name: str) -> None:
    assert asked(name) <= pins(name).keys()


def test_the_locks_of_one_environment_agree() -> None:
    versions: dict[str, set[str]] = {}
    for name in TOGETHER:
        for package, version in pins(name).items():
            versions.setdefault(package, set()).add(version)
    assert {package: found for package, found in versions.items() if len(found) > 1} == {}


def test_what_the_project_says_it_needs_is_what_is_locked_for_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert sorted(project["dependencies"]) == sorted((FOLDER / "runtime.in").read_text().split())
