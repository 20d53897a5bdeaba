"""How the commands reach a running sidecar: HTTP over its control socket, with the standard library alone."""

import socket
from http.client import HTTPConnection, HTTPException
from json import loads
from pathlib import Path
from typing import Any

NAME = "control.sock"
"""The socket's name in ``state.dir``."""


class Unanswered(Exception):
    """No sidecar answered; the text says where, and what to check."""


def ask(path: Path, method: str, target: str, *, seconds: float = 30.0) -> dict[str, Any]:
    """The JSON object that the sidecar at the socket *path* answers, whatever its status. Raise ``Unanswered``."""
    connection = HTTPConnection("sidecar")
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.settimeout(seconds)
    try:
        connection.sock.connect(str(path))
        connection.request(method, target)
        response = connection.getresponse()
        answer = loads(response.read())
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise Unanswered(f"no sidecar runs at {path}: start one, or name its socket with --socket") from error
    except PermissionError as error:
        raise Unanswered(f"{path} belongs to another user: call as the user that the sidecar runs as") from error
    except (OSError, HTTPException, ValueError) as error:
        raise Unanswered(f"{path} gave no answer that can be read: {str(error) or type(error).__name__}") from error
    finally:
        connection.close()
    if not isinstance(answer, dict):
        raise Unanswered(f"{path} is not a sidecar's control socket")
    return answer
