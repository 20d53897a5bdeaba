"""Real counterparts: one that is missing is a skip on a laptop and a failure in CI."""

import os
from typing import NoReturn

import pytest


def missing(reason: str) -> NoReturn:
    """End the test: a failure where ``CI=true``, a skip that names its reason elsewhere."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"a counterpart is missing: {reason}", pytrace=False)
    pytest.skip(reason)
