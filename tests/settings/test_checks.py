"""What must hold between issuers, hosts, sizes and times."""

import pytest

from tests.settings.conftest import Read, Wrong

HOSTS = "inbound: {public_url: 'https://agent.example.com/x'}\n"
ENTRA = "{type: entra, tenant: 4f2d0000-0000-0000-0000-000000000000, audience: a"
OKTA = "{type: okta, domain: acme.okta.com, audience: a}"


@pytest.mark.parametrize(
    ("text", "path", "line", "what"),
    [
        (f"issuers:\n  x: {OKTA}\n  y: {OKTA}", "issuers.y", 4, "accepts the same iss as issuers.x"),
        (
            "issuers:\n  x: {type: oidc, issuer: 'https://acme.okta.com/oauth2/default', audience: b}\n  y: " + OKTA,
            "issuers.y",
            4,
            "accepts the same iss as issuers.x",
        ),
        (
            HOSTS + "consent: {public_url: 'https://Agent.Example.com:8443'}",
            "consent.public_url",
            3,
            "is on the agent's own host",
        ),
        (
            HOSTS + "consent: {public_url: 'https://agent.example.com.'}",
            "consent.public_url",
            3,
            "is on the agent's own host",
        ),
        (
            HOSTS + "consent: {return_urls: ['https://app.example.com', 'https://agent.example.com/done']}",
            "consent.return_urls[1]",
            3,
            "is on the agent's own host",
        ),
        (
            f"issuers:\n  x: {ENTRA}, groups: graph}}",
            "issuers.x.groups",
            3,
            "is graph, and there is nobody to ask it",
        ),
        (
            f"issuers:\n  x: {ENTRA}, groups: graph, login: {{client_id: a}}}}",
            "issuers.x.groups",
            3,
            "is graph, and there is nobody to ask it",
        ),
        ("inbound: {limits: {head: 16KiB}}", "inbound.limits.token", 2, "doesn't fit in head"),
        ("inbound:\n  limits:\n    head: 8KiB\n    token: 8KiB", "inbound.limits.token", 5, "doesn't fit in head"),
        ("egress: {limits: {token: 1MiB}}", "egress.limits.token", 2, "doesn't fit in head"),
        ("invocation: {linger: 2h}", "invocation.linger", 2, "is longer than max, at which every handle ends"),
        ("invocation: {max: 10s}", "invocation.linger", 2, "is longer than max, at which every handle ends"),
        ("jwks: {refresh: 48h}", "jwks.refresh", 2, "is longer than max_stale: keys would be too old in between"),
        ("state: {dir: x}\nrun: {dir: x/y}", "run.dir", 3, "overlaps with state.dir"),
        ("state: {dir: x/y}\nrun: {dir: x}", "run.dir", 3, "overlaps with state.dir"),
        ("run: {dir: /var/lib/sidecar}", "run.dir", 2, "overlaps with state.dir"),
    ],
)
def test_parts_that_do_not_go_together_are_reported(wrong: Wrong, text: str, path: str, line: int, what: str) -> None:
    (problem,) = wrong(text)
    assert (problem.path, problem.line, problem.what) == (path, line, what)
    assert problem.mend


@pytest.mark.parametrize(
    "text",
    [
        HOSTS + "consent: {public_url: 'https://accounts.agent.example.com', return_urls: ['https://app.example.com']}",
        "consent: {public_url: 'https://accounts.example.com', return_urls: ['https://app.example.com']}",
        "inbound: {listen: 'unix:a', public_url: 'http://127.0.0.1:1'}\nhealth: {listen: 'unix:b'}\ndevelopment: true\n"
        "consent: {public_url: 'http://127.0.0.1:2', listen: 'unix:c', return_urls: ['http://127.0.0.1:3']}",
        f"issuers: {{x: {OKTA}, y: {{type: auth0, domain: acme.okta.com, audience: a}}}}",
        f"issuers: {{x: {ENTRA}, groups: graph, login: {{client_id: a, client_secret: b}}}}}}",
        "jwks: {refresh: 24h}\ninvocation: {linger: 1h}",
        "state: {dir: /a/b}\nrun: {dir: /a/c}",
    ],
)
def test_parts_that_go_together_are_good(read: Read, text: str) -> None:
    read(text)
