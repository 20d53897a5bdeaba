"""The configuration: one YAML file becomes ``Settings``, or all its ``Problems`` at once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sidecar.settings.problem import Problem, Problems
from sidecar.settings.reader import folder, read
from sidecar.settings.settings import Settings
from sidecar.settings.source import Source

__all__ = ["Problem", "Problems", "Settings", "load", "schema", "state_dir"]


def load(path: Path, environ: Mapping[str, str], *, strict: bool = True) -> Settings:
    """The settings in the file at *path*. Raise ``Problems``.

    Unless *strict*, variables and files that this machine lacks are notes instead of problems: for checking a file
    elsewhere than where it is used. Something stands in place of what is absent, so such settings aren't to be served.
    """
    return read(Source(path, environ), strict=strict)


def state_dir(path: Path, environ: Mapping[str, str]) -> tuple[Path, Problems | None]:
    """``state.dir`` as the file at *path* has it, and what is wrong with the rest: a sidecar that runs is found there
    whatever has become of its file. Raise ``Problems`` where that can't be read."""
    return folder(Source(path, environ))


def schema() -> dict[str, Any]:
    """The configuration's JSON Schema (draft 2020-12), for editors."""
    from sidecar.settings.json_schema import document

    return document()
