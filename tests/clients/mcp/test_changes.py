"""A client that nobody changed hears that its tools have changed: the server's list, or what of it is its caller's."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.child import Child, child
from tests.clients.mcp.raw import Line, call
from tests.clients.mcp.stage import Stage, python, stage

MODES = ("auto", "legacy")


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One desk, and a sidecar of its own, whose configuration changes."""
    with stage(tmp_path_factory.mktemp("changes"), ["native"]) as set_up:
        yield set_up


@contextmanager
def listening(native: Stage, subject: str, mode: str, folder: Path) -> Iterator[Child]:
    command = python("listen", native.base("native"), native.handle(subject), mode)
    with child(command, folder, f"{subject}-{mode}", env=dict(native.variables)) as listener:
        listener.said("^listening ")
        yield listener


@pytest.mark.parametrize("mode", MODES)
def test_a_change_of_rights_is_heard_and_seen(native: Stage, mode: str, tmp_path: Path) -> None:
    more = {"who": {"subject": ["alice"]}, "tools": ["native/pay"]}
    with listening(native, "alice", mode, tmp_path) as alice, listening(native, "dave", mode, tmp_path) as dave:
        assert "pay" not in alice.stdout
        native.reconfigure({**native.capabilities, "more": more})
        alice.said(r"^changed .*\bpay\b")
        native.reconfigure(native.capabilities)
        alice.said(r"^changed (?!.*\bpay\b)")
        assert "changed" not in dave.stdout  # hers, and not his


def test_a_change_of_the_servers_own_is_heard_by_all_and_seen_by_whom_it_is_for(native: Stage, tmp_path: Path) -> None:
    line = Line(native, "native", "2026-07-28")
    with listening(native, "alice", "auto", tmp_path) as alice, listening(native, "bob", "auto", tmp_path) as bob:
        assert "grew" in line.post(native.handle("bob"), call("grow")).body.decode()
        bob.said(r"^changed .*\bgrown\b")
        alice.said("^changed ")
        assert "grown" not in alice.stdout
    line.close()
