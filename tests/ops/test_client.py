"""What the commands say when no sidecar answers, or something else does."""

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.ops.client import Unanswered, ask
from tests.counterparts import missing


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[tuple[Path, socket.socket]]:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(path))
        server.listen()
        yield path, server


def answer(server: socket.socket, raw: bytes) -> threading.Thread:
    def once() -> None:
        peer, _ = server.accept()
        with peer:
            peer.recv(65536)
            peer.sendall(raw)

    thread = threading.Thread(target=once)
    thread.start()
    return thread


def test_no_socket_means_no_sidecar_runs(tmp_path: Path) -> None:
    with pytest.raises(Unanswered, match=r"no sidecar runs at .*control\.sock: start one"):
        ask(tmp_path / "control.sock", "GET", "/status")


def test_a_socket_left_by_a_dead_sidecar_means_that_none_runs(listening: tuple[Path, socket.socket]) -> None:
    path, server = listening
    server.close()
    with pytest.raises(Unanswered, match="no sidecar runs at"):
        ask(path, "GET", "/status")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnot",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\xfe",
    ],
)
def test_an_answer_that_is_not_a_sidecars_is_said_to_be_none(listening: tuple[Path, socket.socket], raw: bytes) -> None:
    path, server = listening
    thread = answer(server, raw)
    with pytest.raises(Unanswered, match=r"control\.sock"):
        ask(path, "GET", "/status")
    thread.join()


def test_a_sidecar_that_hangs_is_given_up(listening: tuple[Path, socket.socket]) -> None:
    path, _ = listening
    with pytest.raises(Unanswered, match="timed out"):
        ask(path, "GET", "/status", seconds=0.1)


def test_a_socket_of_another_user_is_explained(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        missing("only root can become another user")
    folder = Path("/tmp").resolve() / f"sidecar-control-{os.getpid()}"
    folder.mkdir(mode=0o755)
    path = folder / "control.sock"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
            server.bind(str(path))
            server.listen()
            path.chmod(0o600)
            os.seteuid(65534)
            try:
                with pytest.raises(Unanswered, match="belongs to another user"):
                    ask(path, "GET", "/status")
            finally:
                os.seteuid(0)
    finally:
        path.unlink(missing_ok=True)
        folder.rmdir()
