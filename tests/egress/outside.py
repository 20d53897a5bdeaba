"""Run inside a namespace: names that resolve as a table says, servers on every address, and clients that ask and dial.
Standard library alone.

``outside.py UID names`` answers DNS on 127.0.0.53 by the table that it reads: name → answers, each a list of addresses;
                         the last answer stands for ever. Prints ``up``.
``outside.py UID web CHAIN`` answers HTTP on the ports that count and HTTPS, on every address. Prints ``up``.
``outside.py UID ask``   sends the requests that it reads, each on a connection of its own; prints the answers.
``outside.py UID dial``  dials the hosts that it reads as a client does that checks nothing; prints what became of each.
"""

import errno
import http.server
import json
import os
import socket
import ssl
import struct
import sys
import threading
from ipaddress import ip_address
from typing import Any

PATIENCE = 3.0
NAIVE_PATIENCE = 0.3
PORTS = (80, 8080, 8181, 9090)
RESOLVER = ("127.0.0.53", 53)
A, CNAME, AAAA = 1, 5, 28


def names() -> None:
    table: dict[str, list[list[str]]] = json.loads(sys.stdin.readline())
    asked: dict[tuple[str, int], int] = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as serving:
        serving.bind(RESOLVER)
        drop()
        say("up")
        while True:
            query, peer = serving.recvfrom(1500)
            serving.sendto(resolved(query, table, asked), peer)


def resolved(query: bytes, table: dict[str, list[list[str]]], asked: dict[tuple[str, int], int]) -> bytes:
    """The answer (RFC 1035, section 4). A name that begins with ``alias`` is one, of another that has the addresses."""
    labels, place = [], 12
    while length := query[place]:
        labels.append(query[place + 1 : place + 1 + length].decode())
        place += 1 + length
    kind = struct.unpack("!H", query[place + 1 : place + 3])[0]
    question = query[12 : place + 5]
    name = ".".join(labels).lower()
    answers = table.get(name)
    if answers is None:
        return query[:2] + struct.pack("!5H", 0x8183, 1, 0, 0, 0) + question
    turn = asked.get((name, kind), 0)
    asked[name, kind] = turn + 1
    found = [ip_address(text) for text in answers[min(turn, len(answers) - 1)]]
    records, owner = [], b"\xc0\x0c"
    if name.startswith("alias"):
        target = b"".join(bytes([len(each)]) + each for each in (b"real", b"evil", b"example")) + b"\0"
        records.append(owner + struct.pack("!HHIH", CNAME, 1, 0, len(target)) + target)
        owner = target
    records += [
        owner + struct.pack("!HHIH", kind, 1, 0, len(address.packed)) + address.packed
        for address in found
        if kind == (A if address.version == 4 else AAAA)
    ]
    return query[:2] + struct.pack("!5H", 0x8180, 1, len(records), 0, 0) + question + b"".join(records)


class Web(http.server.BaseHTTPRequestHandler):
    """Says at which address it was asked, and for whom."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        where = self.connection.getsockname()[0]
        body = json.dumps({"at": where, "host": self.headers["Host"], "path": self.path}).encode()
        self.send_response(302 if self.path.endswith("/redirect") else 200)
        if self.path.endswith("/redirect"):
            self.send_header("Location", "http://169.254.169.254/latest/meta-data/")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the standard library calls it
        """Nothing is printed."""


class Everywhere(http.server.ThreadingHTTPServer):
    request_queue_size = 256

    def __init__(self, family: socket.AddressFamily, port: int, chain: str | None) -> None:
        self.address_family = family
        self.context = None
        if chain is not None:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(chain)
        super().__init__(("::" if family == socket.AF_INET6 else "0.0.0.0", port), Web)

    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "world", self.server_address[1]

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self.context is not None:
            request = self.context.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who hangs up is no news."""


def web(chain: str) -> None:
    for family in (socket.AF_INET, socket.AF_INET6):
        for port, certificate in (*((port, None) for port in PORTS), (443, chain)):
            server = Everywhere(family, port, certificate)
            threading.Thread(target=server.serve_forever, daemon=True).start()
    drop()
    say("up")
    threading.Event().wait()


def ask(request: dict[str, Any]) -> dict[str, Any]:
    """Status, reason phrase, code of the refusal and body; of what is said inside a tunnel where it was opened."""
    with socket.create_connection(("127.0.0.1", request["to"]), PATIENCE) as connection:
        connection.sendall(request["says"].encode("latin-1"))
        try:
            if request.get("inside") is None or (answer := head(connection))["status"] != 200:
                return head(connection) if request.get("inside") is None else answer
            return inside(connection, request)
        except OSError as error:
            return {"status": 0, "error": str(error)}


def inside(connection: socket.socket, request: dict[str, Any]) -> dict[str, Any]:
    if request["sni"] is None:
        connection.sendall(request["inside"].encode("latin-1"))
        return head(connection)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with context.wrap_socket(connection, server_hostname=request["sni"]) as secure:
        secure.sendall(request["inside"].encode("latin-1"))
        return head(secure)


def head(connection: socket.socket) -> dict[str, Any]:
    got = b""
    while b"\r\n\r\n" not in got and (piece := connection.recv(65536)):
        got += piece
    lines, _, body = got.partition(b"\r\n\r\n")
    first, *fields = lines.decode("latin-1").split("\r\n")
    values = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    length = int(values.get("content-length", 0))
    while len(body) < length and (piece := connection.recv(65536)):
        body += piece
    _, status, phrase = [*first.split(" ", 2), "", ""][:3]
    return {"status": int(status or 0), "phrase": phrase, "fields": values, "body": body.decode("latin-1")}


def dial(host: str, port: int) -> str:
    """``reached``, or the error's name: of what refuses a connection, too, a packet had left."""
    try:
        with socket.create_connection((host, port), NAIVE_PATIENCE):
            return "reached"
    except TimeoutError:
        return "ETIMEDOUT"
    except (OSError, ValueError, OverflowError) as error:
        number = getattr(error, "errno", None)
        return errno.errorcode.get(number or 0, type(error).__name__)


def drop() -> None:
    """Go on as the user that was named."""
    uid = int(sys.argv[1])
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(verb: str, *rest: str) -> None:
    if verb == "names":
        names()
    elif verb == "web":
        web(*rest)
    else:
        "\u00e9".encode("idna")  # reads what is a root's to read, before there is none
        drop()
        given = json.load(sys.stdin)
        say(json.dumps([ask(each) for each in given] if verb == "ask" else [dial(*each) for each in given]))


if __name__ == "__main__":
    main(*sys.argv[2:])
