"""Whose a call is."""

import pytest

from sidecar.errors import InvocationInvalid
from sidecar.invocation.caller import AGENT, Callers
from tests.invocation.test_invocation import Scene


def test_a_handle_names_its_invocation_the_agents_the_agent_and_any_other_nobody() -> None:
    scene = Scene()
    invocation, handle = scene.open()
    callers = Callers(scene.all, b"ag_agent", concurrency_one=False)
    assert callers.of_handle(handle) is invocation
    assert callers.of_handle(b"ag_agent") is AGENT
    with pytest.raises(InvocationInvalid):
        callers.of_handle(handle + b"x")
