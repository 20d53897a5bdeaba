"""What is said though nothing is wrong."""

import pytest

from tests.settings.conftest import Read

ISSUERS = "issuers: {x: {type: okta, domain: acme.okta.com, audience: a}}\n"


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("", "issuers is empty: every call is refused but those to inbound.public"),
        (ISSUERS + "inbound: {public: [/]}", "inbound.public holds /, a prefix of every path: no call needs a token"),
        (
            ISSUERS + "inbound: {groups: named}",
            "inbound.groups is named, and nothing names a group or a role: the agent is told of none",
        ),
        (
            ISSUERS + "inbound: {trusted_proxies: ['::/0']}",
            "inbound.trusted_proxies holds every address: any caller writes X-Forwarded-For as it likes",
        ),
        (
            ISSUERS + "inbound: {public_url: 'http://agent.example.com'}",
            "inbound.public_url is plain http: whoever is on the way reads the tokens",
        ),
    ],
)
def test_what_may_not_be_meant_is_remarked_upon(read: Read, text: str, note: str) -> None:
    assert read(text).notes == (note,)


def test_an_agent_on_another_machine_is_remarked_upon(read: Read) -> None:
    settings = read(ISSUERS + "agent: {name: a, url: 'http://agent:8000'}", whole=True)
    assert settings.notes == ("agent.url is on another machine: whoever reaches it goes round the sidecar",)


@pytest.mark.parametrize(
    "text",
    [
        "inbound: {public: [/healthz, /docs/]}",
        "inbound: {groups: named, who: {roles: [a]}}",
        "inbound: {trusted_proxies: [10.0.0.0/8]}",
        "inbound: {public_url: 'http://127.0.0.1:8080'}",
        "inbound: {public_url: 'https://agent.example.com'}",
    ],
)
def test_nothing_is_said_about_what_is_usual(read: Read, text: str) -> None:
    assert read(ISSUERS + text).notes == ()


WAYS = """
providers:
  one: {type: oauth2, client_id: a, client_secret: {env: SECRET}, grant: client_credentials, token_url: 'https://one.example'}
  two: {type: oauth2, client_id: a, client_secret: {env: SECRET}, grant: client_credentials, token_url: 'https://two.example'}
egress:
  routes:
    mail: {url: 'https://mail.example', provider: one, scopes: [read, send]}
    weather: {url: 'https://weather.example'}
capabilities:
  c:
"""


@pytest.mark.parametrize(
    ("capability", "notes"),
    [
        ("{who: any, provider: one, scopes: [send, read, more], routes: [mail]}", ()),
        ("{who: any, routes: [mail, weather]}", ()),
        ("{who: any, provider: one, routes: [weather]}", ()),
        ("{who: any, provider: one, scopes: [more], routes: [mail]}", ("mail", "needs the scope read as well")),
        ("{who: any, provider: two, scopes: [send, read], routes: [mail]}", ("mail", "has the provider one")),
    ],
)
def test_a_route_that_a_capability_lists_in_vain_is_remarked_upon(
    read: Read, capability: str, notes: tuple[str, ...]
) -> None:
    said = f"capabilities.c doesn't open the route {notes[0]} that it lists: the route {notes[1]}" if notes else None
    settings = read(ISSUERS + WAYS.strip("\n") + f" {capability}", {"SECRET": "hunter2"})
    assert settings.notes == ((said,) if said else ())
