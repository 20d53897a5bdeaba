"""The image, built once for the tests that run it."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.child import ROOT
from tests.counterparts import missing
from tests.deploy.dockerfile import Stage, stages
from tests.deploy.replay import LONG, RELEASE, Bootstrapped, Borrowed, Image, replay


@pytest.fixture(scope="module")
def last() -> Stage:
    """What the Dockerfile says of the image."""
    return stages(ROOT / "Dockerfile")[-1]


@pytest.fixture(scope="module", params=["borrowed", "bootstrapped"] if LONG else ["borrowed"])
def image(request: pytest.FixtureRequest) -> Iterator[Image]:
    """The image, built on each base; hundreds of megabytes, which go when it has been tested."""
    if os.geteuid() != 0:
        missing("root, to replay a Dockerfile in a root of its own")
    packages = ["python3", "python3-pip", "python3-venv"]
    with tempfile.TemporaryDirectory(prefix="image-") as name:
        folder = Path(name)
        base = Borrowed() if request.param == "borrowed" else Bootstrapped.make(folder / "debian", RELEASE, packages)
        yield replay(stages(ROOT / "Dockerfile"), ROOT, base, folder)
