"""What must hold between the sockets that a configuration names."""

from pathlib import Path

import pytest

from sidecar.settings.sockets import local, same
from sidecar.wire.endpoint import Endpoint, Tcp, Unix
from tests.settings.conftest import Read, Wrong

A, B = Unix(Path("/a")), Unix(Path("/b"))


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (A, A, True),
        (A, B, False),
        (A, Tcp("127.0.0.1", 1), False),
        (Tcp("127.0.0.1", 1), Tcp("127.0.0.1", 1), True),
        (Tcp("127.0.0.1", 1), Tcp("127.0.0.1", 2), False),
        (Tcp("127.0.0.1", 0), Tcp("127.0.0.1", 0), False),
        (Tcp("127.0.0.1", 1), Tcp("127.0.0.2", 1), False),
        (Tcp("0.0.0.0", 1), Tcp("127.0.0.2", 1), True),
        (Tcp("10.0.0.1", 1), Tcp("::", 1), True),
        (Tcp("localhost", 1), Tcp("127.0.0.1", 1), True),
        (Tcp("::1", 1), Tcp("LOCALHOST", 1), True),
        (Tcp("localhost", 1), Tcp("10.0.0.1", 1), False),
        (Tcp("agent", 1), Tcp("Agent", 1), True),
        (Tcp("agent", 1), Tcp("127.0.0.1", 1), False),
    ],
)
def test_two_endpoints_are_the_same_or_not(one: Endpoint, other: Endpoint, is_same: bool) -> None:
    assert same(one, other) is same(other, one) is is_same


@pytest.mark.parametrize(
    ("endpoint", "is_local"),
    [
        (A, True),
        (Tcp("127.0.0.1", 1), True),
        (Tcp("localhost", 1), True),
        (Tcp("0.0.0.0", 1), False),
        (Tcp("x", 1), False),
    ],
)
def test_an_endpoint_is_local_or_not(endpoint: Endpoint, is_local: bool) -> None:
    assert local(endpoint) is is_local


LOCAL = "inbound: {listen: '127.0.0.1:8080'}\nhealth: {listen: 'unix:health.sock'}\n"


@pytest.mark.parametrize(
    ("text", "path", "line", "what"),
    [
        ("development: true", "development", 2, "is true, and other machines can reach inbound.listen, health.listen"),
        (
            LOCAL + "consent: {public_url: 'https://a.example'}\ndevelopment: true",
            "development",
            5,
            "is true, and other machines can reach consent.listen",
        ),
        (
            LOCAL
            + "admin: {listen: '10.0.0.1:1', issuer: x}\nissuers: {x: {type: okta, domain: acme.okta.com, audience: a, "
            "login: {client_id: a}}}\ndevelopment: true",
            "development",
            6,
            "is true, and other machines can reach admin.listen",
        ),
        ("health: {listen: '127.0.0.1:8080'}", "health.listen", 2, "is where inbound.listen is already"),
        ("inbound: {listen: '0.0.0.0:9090'}", "health.listen", 2, "is where inbound.listen is already"),
        (
            "inbound: {listen: 'unix:s'}\nhealth: {listen: 'unix:s'}",
            "health.listen",
            3,
            "is where inbound.listen is already",
        ),
        (
            "state: {dir: s}\ninbound: {listen: 'unix:s/control.sock'}",
            "inbound.listen",
            3,
            "is where state.dir is already",
        ),
        (
            "consent: {public_url: 'https://a.example', listen: '0.0.0.0:9090'}",
            "health.listen",
            2,
            "is where consent.listen is already",
        ),
        (
            "inbound: {listen: '0.0.0.0:8000'}",
            "agent.url",
            1,
            "is the sidecar's own inbound.listen: calls would go round in circles",
        ),
        (
            "egress: {listen: '127.0.0.1:8000'}",
            "agent.url",
            1,
            "is the sidecar's own egress.listen: calls would go round in circles",
        ),
        ("egress: {listen: '0.0.0.0:8181'}", "egress.listen", 2, "can be reached by others than the agent"),
        ("admin: {listen: '127.0.0.1:1'}", "admin.listen", 2, "is no unix socket, and nobody would have to sign in"),
        (
            "admin: {listen: 'unix:a', issuer: x}\nissuers: {x: {type: okta, domain: acme.okta.com, audience: a}}",
            "admin.issuer",
            2,
            "has no login, so nobody can sign in",
        ),
        ("state: {dir: /" + "x" * 100 + "}", "state.dir", 2, "is too long a path for the control socket in it"),
    ],
)
def test_sockets_that_do_not_go_together_are_reported(wrong: Wrong, text: str, path: str, line: int, what: str) -> None:
    (problem,) = wrong(text)
    assert (problem.path, problem.line, problem.what) == (path, line, what)
    assert problem.mend


@pytest.mark.parametrize("url", ["http://0.0.0.0:8000", "http://[::]:8000"])
def test_an_agent_is_at_an_address_that_can_be_connected_to(wrong: Wrong, url: str) -> None:
    (problem,) = wrong(f"agent: {{name: a, url: '{url}'}}", whole=True)
    assert (problem.path, problem.what) == ("agent.url", "is no address that can be connected to")


@pytest.mark.parametrize(
    "text",
    [
        LOCAL + "development: true",
        LOCAL + "development: true\nconsent: {listen: '0.0.0.0:8082'}",
        "inbound: {listen: '127.0.0.1:0'}\nhealth: {listen: '127.0.0.1:0'}\negress: {listen: '127.0.0.1:0'}",
        "admin: {listen: 'unix:admin.sock'}",
        "admin: {listen: '0.0.0.0:1', issuer: x}\nissuers: {x: {type: okta, domain: acme.okta.com, audience: a, "
        "login: {client_id: a}}}",
    ],
)
def test_sockets_that_go_together_are_good(read: Read, text: str) -> None:
    read(text)


def test_a_listener_that_is_wrong_itself_is_not_compared(wrong: Wrong) -> None:
    assert [
        problem.path for problem in wrong("development: true\ninbound: {listen: x}\nhealth: {listen: '127.0.0.1:1'}")
    ] == ["inbound.listen"]
