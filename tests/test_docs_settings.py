"""The settings' reference page is what the table of keys makes it, and leaves nothing out."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.identity.idps import IDPS
from sidecar.oauth.provider import TYPES
from sidecar.settings import issuers, outward, providers, reference
from sidecar.settings.sections import Section
from sidecar.settings.shapes import Either
from sidecar.settings.table import CONFIGURATION
from sidecar.settings.who import CONDITIONS, NESTED

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "settings.md"


def keys(section: Section, path: str) -> Iterator[str]:
    for name, key in section.keys.items():
        yield f"{path}{name}"
        for shape in key.shape.shapes if isinstance(key.shape, Either) else (key.shape,):
            if isinstance(shape, Section):
                yield from keys(shape, f"{path}{name}.")


KEYS = {
    *keys(CONFIGURATION, ""),
    *keys(outward.ROUTE_SECTION, "egress.routes.*."),
    *keys(outward.CAPABILITY_SECTION, "capabilities.*."),
    *(key for section in issuers.TYPES.values() for key in keys(section, "issuers.*.")),
    *(key for section in providers.PROVIDER_TYPES.values() for key in keys(section, "providers.*.")),
}


def test_the_page_is_what_the_table_makes_it() -> None:
    assert PAGE.read_text() == reference.page(), "python -m sidecar.settings.reference > docs/reference/settings.md"


@pytest.mark.parametrize("key", sorted(KEYS))
def test_every_key_has_its_row(key: str) -> None:
    assert f"| `{key}` |" in PAGE.read_text().replace("` ○ |", "` |")


@pytest.mark.parametrize("name", [*IDPS, *TYPES, *CONDITIONS, *NESTED])
def test_every_type_and_every_condition_is_there(name: str) -> None:
    assert f"`{name}`" in PAGE.read_text()


def test_no_line_is_longer_than_a_row_has_to_be() -> None:
    assert all(len(line) <= 120 or line.startswith(("|", "###")) for line in PAGE.read_text().splitlines())
