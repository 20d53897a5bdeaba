"""Run inside a namespace as a given user: tries to reach places, listens, or sends and leaves. Standard library alone.

``reach.py UID try [[protocol, host, port], ...]`` prints what became of each: its answer or its error.
``reach.py UID listen PORT...`` serves TCP and UDP on every address, both families, and prints ``up``.
``reach.py UID send HOST PORT BYTES`` sends that much and closes at once, with most of it still in its own buffers.
"""

import contextlib
import errno
import json
import os
import selectors
import socket
import sys
import time

Place = tuple[str, str, int]
PATIENCE = 1.0
IP_PKTINFO = 8  # linux/in.h; the socket module doesn't name it everywhere
FAMILIES = (socket.AF_INET, socket.AF_INET6)


def attempt(protocol: str, host: str, port: int) -> str:
    """The answer of what listens there, or the name of the error."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(family, kind) as tried:
        tried.settimeout(PATIENCE)
        try:
            tried.connect((host, port))
            tried.sendall(b"hello")
            return tried.recv(64).decode()
        except TimeoutError:
            return "ETIMEDOUT"
        except OSError as error:
            return errno.errorcode[error.errno or 0]


def listen(ports: list[int]) -> None:
    """Answer ``hello from UID`` to whoever says something; say how much one connection sent."""
    ready = selectors.DefaultSelector()
    for port in ports:
        for family in FAMILIES:
            stream = socket.create_server(("", port), family=family)
            datagrams = socket.socket(family, socket.SOCK_DGRAM)
            if family == socket.AF_INET6:
                datagrams.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                datagrams.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
            else:
                datagrams.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
            datagrams.bind(("", port))
            ready.register(stream, selectors.EVENT_READ)
            ready.register(datagrams, selectors.EVENT_READ)
    say("up")
    while True:
        for key, _ in ready.select():
            found = key.fileobj
            if isinstance(found, socket.socket):
                answer(found)


def answer(ready: socket.socket) -> None:
    """One datagram, or one connection from its first byte to its end."""
    words = f"hello from {os.getuid()}".encode()
    if ready.type == socket.SOCK_DGRAM:
        _, asked, _, peer = ready.recvmsg(64, 64)
        ready.sendmsg([words], asked, 0, peer)  # from the address that was asked
        return
    connection, _ = ready.accept()
    with connection, contextlib.suppress(ConnectionError):
        connection.settimeout(PATIENCE)
        total = len(connection.recv(64))
        connection.sendall(words)
        while more := len(connection.recv(1 << 16)):
            total += more
            time.sleep(0.001)  # slower than the sender
        say(f"received {total}")


def send(host: str, port: int, size: int) -> None:
    """Leave most of what is sent to the kernel, and go."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sending:
        sending.settimeout(PATIENCE)
        sending.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * size)
        sending.connect((host, port))
        sending.sendall(b"x" * size)
        sending.recv(64)  # the answer: were it left unread, closing would reset the connection


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(uid: str, verb: str, *rest: str) -> None:
    os.setgroups([])
    os.setresgid(int(uid), int(uid), int(uid))
    os.setresuid(int(uid), int(uid), int(uid))
    if verb == "try":
        say(json.dumps([attempt(*place) for place in json.loads(rest[0])]))
    elif verb == "listen":
        listen([int(port) for port in rest])
    else:
        send(rest[0], int(rest[1]), int(rest[2]))


if __name__ == "__main__":
    main(*sys.argv[1:])
