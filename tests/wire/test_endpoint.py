"""Endpoints print as they are written in the configuration."""

from pathlib import Path

from sidecar.wire.endpoint import Tcp, Unix


def test_endpoints_print_as_they_are_written() -> None:
    assert str(Tcp("127.0.0.1", 8080)) == "127.0.0.1:8080"
    assert str(Tcp("::1", 8080)) == "[::1]:8080"
    assert str(Unix(Path("/run/agent.sock"))) == "unix:/run/agent.sock"
