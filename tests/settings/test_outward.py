"""Routes and capabilities as they stand in a file."""

from ipaddress import ip_network

import pytest

from sidecar.egress.route import Route
from sidecar.policy.capability import Capability
from sidecar.policy.hours import Hours
from sidecar.settings.who import AGENT, ANY
from tests.settings.conftest import Read, Wrong

SECRETS = {"SECRET": "hunter2"}
S = "{env: SECRET}"


def test_a_route_is_read(read: Read) -> None:
    settings = read(
        """
providers: {key: {type: api_key, key: {env: SECRET}}}
egress:
  routes:
    plain: {url: 'https://api.example.com'}
    whole: {url: 'https://api.example.com/v1', provider: key, scopes: [a, b], methods: [GET, POST], paths: [/x, /y/],
      private: [10.0.0.0/8], insecure: true, unattended: true, mcp: true, timeouts: {connect: 2s, first_byte: 5m}}
    local: {url: 'http://127.0.0.1:9000', private: true, methods: GET}
""",
        SECRETS,
    )
    assert settings.egress.routes == {
        "plain": Route("plain", "https://api.example.com"),
        "whole": Route(
            "whole",
            "https://api.example.com/v1",
            provider="key",
            scopes=frozenset({"a", "b"}),
            methods=frozenset({"GET", "POST"}),
            paths=("/x", "/y/"),
            private=(ip_network("10.0.0.0/8"),),
            insecure=True,
            unattended=True,
            mcp=True,
            timeouts={"connect": 2.0, "first_byte": 300.0},
        ),
        "local": Route("local", "http://127.0.0.1:9000", private=True, methods=frozenset({"GET"})),
    }
    assert not [note for note in settings.notes if "yet" in note]


@pytest.mark.parametrize(
    ("text", "path", "what", "mend"),
    [
        ("{}", ".url", "is missing", "Set  url: https://agent.example.com"),
        ("{url: api.example.com}", ".url", '"api.example.com" is not an absolute http or https URL', None),
        ("{url: 'https://a.example?b'}", ".url", '"https://a.example?b" has a query', None),
        ("{url: 'https://a.example', provider: kye}", ".provider", '"kye" is not a provider', 'Did you mean "key"?'),
        ("{url: 'https://a.example', methods: [get]}", ".methods[0]", '"get" is not in capitals', "Write GET"),
        ("{url: 'https://a.example', methods: []}", ".methods", "is an empty list", None),
        ("{url: 'https://a.example', paths: [x]}", ".paths[0]", '"x" does not begin with /', "Write /x"),
        ("{url: 'https://a.example', private: []}", ".private", "is an empty list", None),
        ("{url: 'https://a.example', private: 10.0.0.0/8}", ".private", None, None),
        ("{url: 'https://a.example', timeouts: {connect: 0s}}", ".timeouts.connect", '"0s" is no time at all', None),
        ("{url: 'https://a.example', timeouts: {drain: 1s}}", ".timeouts.drain", "is not a key here", None),
        (
            "{url: 'https://a.example', unatended: true}",
            ".unatended",
            "is not a key here",
            'Did you mean "unattended"?',
        ),
    ],
)
def test_a_route_that_does_not_fit_is_reported(
    wrong: Wrong, text: str, path: str, what: str | None, mend: str | None
) -> None:
    (problem,) = wrong(
        f"providers: {{key: {{type: api_key, key: {S}}}}}\negress: {{routes: {{\n  r: {text}}}}}", SECRETS
    )
    assert (problem.path, problem.line) == (f"egress.routes.r{path}", 4)
    assert what in (None, problem.what)
    assert mend in (None, problem.mend)


def test_a_name_of_a_thing_is_a_name(wrong: Wrong) -> None:
    (problem,) = wrong("egress: {routes: {a/b: {url: 'https://a.example'}}}")
    assert (problem.path, problem.what) == ("egress.routes.a/b", "is not a name of up to 64 letters, digits, - _ and .")


GROUND = f"""
providers: {{key: {{type: api_key, key: {S}}}}}
egress: {{routes: {{api: {{url: 'https://a.example', provider: key}}, tools: {{url: 'https://b.example', mcp: true}}}}}}
capabilities:
"""


def test_a_capability_is_read(read: Read) -> None:
    settings = read(
        GROUND
        + """
  think: {who: agent, routes: [api]}
  all: {who: any, provider: key, scopes: [a], routes: [api, tools], methods: GET, paths: [/x/],
    tools: [tools/find, get_*], arguments: {amount: [1, 2], note: x}, hours: 'mon-fri 08:00-18:00 Europe/Berlin',
    consent_text: "Find things.\\nFor you."}
""",
        SECRETS,
    )
    assert settings.capabilities == {
        "think": Capability("think", AGENT, routes=frozenset({"api"})),
        "all": Capability(
            "all",
            ANY,
            provider="key",
            scopes=frozenset({"a"}),
            routes=frozenset({"api", "tools"}),
            methods=frozenset({"GET"}),
            paths=("/x/",),
            tools=frozenset({"tools/find", "tools/get_*"}),
            arguments={"amount": frozenset({"1", "2"}), "note": frozenset({"x"})},
            hours=(Hours.parse("mon-fri 08:00-18:00 Europe/Berlin"),),
            consent_text="Find things.\nFor you.",
        ),
    }
    assert not [note for note in settings.notes if note.startswith("capabilities")]


@pytest.mark.parametrize(
    ("text", "path", "what", "mend"),
    [
        ("{routes: [api]}", ".who", "is missing", "Set  who: any"),
        ("{who: any}", "", "allows nothing", "Name a provider, routes or tools."),
        ("{who: any, routes: [api], scopes: [a]}", ".scopes", "belong to no provider", "Set  provider: NAME"),
        ("{who: any, routes: [apy]}", ".routes[0]", '"apy" is not a route', 'Did you mean "api"?'),
        ("{who: any, provider: kee}", ".provider", '"kee" is not a provider', 'Did you mean "key"?'),
        (
            "{who: any, tools: [tool/find]}",
            ".tools[0]",
            '"tool" is not a route or a set of tools',
            'Did you mean "tools"?',
        ),
        ("{who: any, tools: ['a b']}", ".tools[0]", None, "Write it like  travel/list_events"),
        (
            "{who: any, routes: [api], hours: '8-18'}",
            ".hours",
            None,
            "Write it like  mon-fri 08:00-18:00 Europe/Berlin",
        ),
        ("{who: any, routes: [api], hours: 08:00-25:00}", ".hours", None, None),
        (
            "{who: any, routes: [api], hours: 08:00-08:00}",
            ".hours",
            '"08:00-08:00" ends when it begins',
            "Write  00:00-24:00  for the whole day.",
        ),
        (
            "{who: any, routes: [api], hours: [08:00-18:00 Europe/Berlln]}",
            ".hours[0]",
            '"08:00-18:00 Europe/Berlln" names a time zone that this machine does not know',
            "Use a name of the IANA time zone database, such as Europe/Berlin; a machine without it needs tzdata.",
        ),
        (
            "{who: any, routes: [api], methods: CONNECT}",
            ".methods",
            '"CONNECT" is not a method that is passed on',
            None,
        ),
        ("{who: {group: x}, routes: [api]}", ".who.group", "is not a key here", 'Did you mean "groups"?'),
        ("{who: any, routes: api}", ".routes", '"api" is not a list of routes', "Write it like  [calendar]"),
    ],
)
def test_a_capability_that_does_not_fit_is_reported(
    wrong: Wrong, text: str, path: str, what: str | None, mend: str | None
) -> None:
    (problem,) = wrong(f"{GROUND}  c: {text}", SECRETS)
    assert (problem.path, problem.line) == (f"capabilities.c{path}", 6)
    assert what in (None, problem.what)
    assert mend in (None, problem.mend)
