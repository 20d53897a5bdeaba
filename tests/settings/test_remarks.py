"""What is said though nothing is wrong."""

from pathlib import Path

import pytest

from tests.settings.conftest import Read

ISSUERS = "issuers: {x: {type: oidc, issuer: 'https://id.example', audience: a}}\n"


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
    assert [note for note in settings.notes if "no capability names it" not in note] == ([said] if said else [])


def routed(routes: str) -> str:
    providers = """providers:
  key: {type: api_key, key: {env: SECRET}}
  cloud: {type: aws, source: ambient}
  one: {type: oauth2, client_id: a, client_secret: {env: SECRET}, grant: client_credentials, token_url: 'https://a.example'}
"""
    return f"{ISSUERS}{providers}egress: {{routes: {{{routes}}}}}\ncapabilities: {{c: {{who: any, routes: [named]}}}}"


@pytest.mark.parametrize(
    ("routes", "note"),
    [
        ("named: {url: 'https://a.example', provider: one, scopes: [a]}", None),
        ("named: {url: 'https://a.example', private: [10.0.0.0/8, 'fd00::/8', 127.0.0.1]}", None),
        ("named: {url: 'https://a.example', private: [0.0.0.0/0, '::/0', 192.0.0.0/8]}", None),
        (
            "named: {url: 'https://a.example'}, r: {url: 'https://b.example'}",
            "egress.routes.r: no capability names it, so that every call on it is refused",
        ),
        (
            "named: {url: 'https://a.example'}, r: {url: 'https://b.example', unattended: true}",
            "egress.routes.r: no capability names it, so that every call on it is refused",
        ),
        (
            "named: {url: 'https://a.example', provider: key, scopes: [a]}",
            "egress.routes.named.scopes mean nothing: key is of type api_key, which knows none",
        ),
        (
            "named: {url: 'https://a.example', provider: cloud, scopes: [a]}",
            "egress.routes.named.scopes mean nothing: cloud is of type aws, which knows none",
        ),
        (
            "named: {url: 'https://a.example', scopes: [a]}",
            "egress.routes.named.scopes mean nothing: the route has no provider",
        ),
        (
            "named: {url: 'https://a.example', private: [169.254.0.0/16, 10.0.0.0/8]}",
            "egress.routes.named.private: 169.254.0.0/16 opens nothing: it is link-local, as metadata services are",
        ),
        (
            "named: {url: 'https://a.example', private: [8.8.8.0/24]}",
            "egress.routes.named.private: 8.8.8.0/24 opens nothing: it is public",
        ),
        (
            "named: {url: 'https://a.example', private: ['::ffff:10.0.0.0/104']}",
            "egress.routes.named.private: ::ffff:a00:0/104 opens nothing: it is IPv4-mapped",
        ),
        (
            "named: {url: 'https://a.example', private: ['fd00:ec2::254']}",
            "egress.routes.named.private: fd00:ec2::254/128 opens nothing: it is a metadata service (AWS)",
        ),
    ],
)
def test_what_of_a_route_means_nothing_is_remarked_upon(read: Read, routes: str, note: str | None) -> None:
    assert read(routed(routes), {"SECRET": "hunter2"}).notes == ((note,) if note else ())


def test_a_route_that_a_policy_of_ones_own_may_permit_is_not_said_to_be_refused(read: Read, tmp_path: Path) -> None:
    own = tmp_path / "own.cedar"
    own.write_text('permit (principal, action == Action::"call", resource == Route::"r");')
    text = routed("named: {url: 'https://a.example'}, r: {url: 'https://b.example'}")
    assert read(f"{text}\npolicy: {{files: [{own}]}}\n", {"SECRET": "hunter2"}).notes == ()


@pytest.mark.parametrize(
    ("capability", "notes"),
    [
        ("{who: any, tools: [desk/list]}", []),
        ("{who: any, tools: [list]}", []),
        (
            "{who: any, tools: [set/list]}",
            ["egress.routes.desk: no capability names it, so that every call on it is refused"],
        ),
        ("{who: any, provider: one, scopes: [read], tools: [desk/list]}", []),
        (
            "{who: any, provider: one, tools: [list]}",
            ["capabilities.c doesn't open the route desk that it lists: the route needs the scope read as well"],
        ),
        (
            "{who: any, tools: [desk/list], methods: GET}",
            ["capabilities.c has methods or paths, and no routes to which they would belong"],
        ),
    ],
)
def test_tools_that_a_capability_names_in_vain_are_remarked_upon(read: Read, capability: str, notes: list[str]) -> None:
    text = """tools: {set: [list]}
providers:
  one: {type: oauth2, client_id: a, client_secret: {env: S}, grant: client_credentials, token_url: 'https://one.example'}
egress: {routes: {desk: {url: 'https://desk.example', mcp: true, provider: one, scopes: [read]}}}
"""
    found = read(f"{ISSUERS}{text}capabilities: {{c: {capability}}}", {"S": "s"}).notes
    assert [note for note in found if "effect yet" not in note] == notes


GRANTED = "providers: {google: {type: google, client_id: c, client_secret: s}}\n"
PAGES = "consent: {public_url: 'https://accounts.example.com'"
UNASKED = "providers.google: users can't be asked for what it takes: consent.public_url is not set"
UNPROVED = "issuers.x has no login, and consent.return_urls is empty: its users can't be asked"
LOGIN = ISSUERS.replace("audience: a", "audience: a, login: {client_id: c}")
NIGHTLY = ISSUERS.replace("audience: a", "audience: a, kind: workflow")


@pytest.mark.parametrize(
    ("text", "note"),
    [
        (ISSUERS + GRANTED, UNASKED),
        (ISSUERS + GRANTED + PAGES + "}", UNPROVED),
        (ISSUERS + GRANTED + PAGES + ", return_urls: ['https://app.example.com/done']}", None),
        (LOGIN + GRANTED + PAGES + "}", None),
        (NIGHTLY + GRANTED + PAGES + "}", None),
        (ISSUERS + PAGES + "}", None),
    ],
)
def test_users_whom_nobody_can_ask_are_remarked_upon(read: Read, text: str, note: str | None) -> None:
    notes = read(text).notes
    assert [said for said in notes if said in (UNASKED, UNPROVED)] == ([note] if note else [])


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", None),
        ("egress: {routes: {b: {url: 'https://b.example'}, a: {url: 'https://a.example'}}}", "call a, b"),
        (
            "egress: {routes: {m: {url: 'https://m.example', mcp: true}}}\n" + GRANTED,
            "call m, or see a tool of m, or have a credential of google",
        ),
        (GRANTED + "capabilities: {c: {who: any, provider: google}}", None),
    ],
)
def test_what_the_agent_cannot_do_where_nothing_is_declared_is_told(read: Read, text: str, what: str | None) -> None:
    said = [note for note in read(ISSUERS + text).notes if note.startswith("capabilities")]
    begins = "capabilities is empty, so that nothing is allowed outward: the agent can't "
    assert said == ([begins + what] if what else [])
