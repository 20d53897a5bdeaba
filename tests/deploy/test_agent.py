"""The sample agent, run as the manifests run it."""

import contextlib
import errno
import http.client
import json
import os
import socket
import sys
import time
from collections.abc import Iterator

import pytest

from tests.child import ROOT, child

AGENT = ROOT / "deploy" / "agent" / "agent.py"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number: int = free.getsockname()[1]
    environ = {**os.environ, "AGENT_PORT": str(number)}
    with child([sys.executable, str(AGENT)], tmp_path_factory.mktemp("agent"), "agent", env=environ) as running:
        deadline = time.monotonic() + 10
        while running.running and time.monotonic() < deadline:
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", number)) == 0:
                    break
            time.sleep(0.02)
        yield number


def ask(port: int, headers: dict[str, str]) -> object:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request("GET", "/", headers=headers)
        answer = connection.getresponse()
        assert answer.status == 200
        read: object = json.loads(answer.read())
        return read


def test_it_tells_callers_who_they_are(port: int) -> None:
    headers = {"X-Identity-Subject": "alice", "X-Identity-Kind": "user", "Accept": "*/*"}
    assert ask(port, headers) == {"hello": "alice", "who": {"X-Identity-Subject": "alice", "X-Identity-Kind": "user"}}


@pytest.mark.parametrize("name", ["X-Identity-Invocation", "x-identity-invocation"])
def test_it_keeps_its_handle_to_itself(port: int, name: str) -> None:
    assert ask(port, {name: "ih_0000", "X-Identity-Subject": "bob"}) == {
        "hello": "bob",
        "who": {"X-Identity-Subject": "bob"},
    }


def test_it_listens_on_one_address_alone(port: int) -> None:
    with socket.socket() as elsewhere:
        assert elsewhere.connect_ex(("127.0.0.2", port)) == errno.ECONNREFUSED
