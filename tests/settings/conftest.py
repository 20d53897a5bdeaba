"""Configurations as text, read as the sidecar reads them."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from sidecar.settings import Problem, Problems, Settings, load

AGENT = "agent: {name: travel-agent, url: 'http://127.0.0.1:8000'}\n"
"""What every configuration has to say; in its first line, so that what a test is about begins in the second."""

Read = Callable[..., Settings]
Wrong = Callable[..., list[Problem]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """The settings of a text below ``AGENT``."""

    def read_text(
        text: str, environ: Mapping[str, str] | None = None, *, strict: bool = True, whole: bool = False
    ) -> Settings:
        path = tmp_path / "sidecar.yaml"
        path.write_text(text if whole else AGENT + text)
        return load(path, environ or {}, strict=strict)

    return read_text


@pytest.fixture
def wrong(read: Read) -> Wrong:
    """The problems of a text below ``AGENT``; none if it has none."""

    def problems(
        text: str, environ: Mapping[str, str] | None = None, *, strict: bool = True, whole: bool = False
    ) -> list[Problem]:
        try:
            read(text, environ, strict=strict, whole=whole)
        except Problems as found:
            return [*found.problems]
        return []

    return problems
