"""The page on known providers."""

from pathlib import Path

from sidecar.oauth.catalog import MAKERS
from sidecar.oauth.catalog.reference import reference

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "providers.md"


def test_the_page_says_what_the_catalogue_says() -> None:
    assert PAGE.read_text() == reference(), (
        "run: python -m sidecar.oauth.catalog.reference > docs/reference/providers.md"
    )


def test_every_provider_is_on_it() -> None:
    for name in MAKERS:
        assert f"| `{name}` |" in reference()
        assert f"- **`{name}`**" in reference()
