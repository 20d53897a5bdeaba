"""Routes as data."""

import dataclasses

import pytest

from sidecar.egress.route import Route


def test_a_route_allows_nothing_that_it_does_not_say() -> None:
    route = Route("calendar", "https://www.googleapis.com/calendar")
    assert not any((route.private, route.insecure, route.unattended, route.mcp))
    assert (route.provider, route.methods, route.paths) == (None, None, None)


def test_a_route_never_changes() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Route("calendar", "https://www.googleapis.com").url = "https://evil.example"  # type: ignore[misc]  # that it is frozen is the point
