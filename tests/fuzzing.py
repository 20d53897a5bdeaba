"""How many examples hypothesis tries: few at every run, many in the long form."""

import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

LONG = os.environ.get("LONG") == "1"
_TIMES = 50


def examples(count: int) -> Callable[[Any], Any]:
    """*count* examples, fifty times as many with ``LONG=1``; no deadline, since the machine is shared."""
    tried = settings(
        max_examples=count * _TIMES if LONG else count, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )

    def decorate(test: Any) -> Any:
        return pytest.mark.timeout(900)(tried(test)) if LONG else tried(test)

    return decorate
