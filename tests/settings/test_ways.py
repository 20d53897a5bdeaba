"""What must hold between routes, their providers, and capabilities."""

import pytest

from sidecar.policy.decision import Toolbox
from sidecar.settings.ways import toolboxes
from tests.settings.conftest import Read, Wrong

SECRETS = {"S": "hunter2"}
PROVIDERS = """providers:
  key: {type: api_key, key: {env: S}}
  google: {type: google, client_id: a, client_secret: {env: S}}
egress:
  routes:
"""


@pytest.mark.parametrize(
    ("text", "path", "what"),
    [
        (
            "r: {url: 'https://a.example', provider: google, unattended: true}",
            "r.unattended",
            "is true, but google acts as each principal, and no handle says as which",
        ),
        (
            "r: {url: 'http://a.example', provider: key}",
            "r.url",
            "is plain http, over which the credential of key is not sent to another machine",
        ),
        (
            "r: {url: 'http://169.254.169.254/latest', private: true}",
            "r.url",
            "leads to an address that is always refused",
        ),
        ("r: {url: 'https://[fe80::1]'}", "r.url", "leads to an address that is always refused"),
        ("r: {url: 'http://0.0.0.0:1', private: true}", "r.url", "leads to an address that is always refused"),
        ("r: {url: 'http://100.100.100.200', private: true}", "r.url", "leads to an address that is always refused"),
        (
            "r: {url: 'http://[::ffff:169.254.169.254]', private: true}",
            "r.url",
            "leads to an address that is always refused",
        ),
        ("r: {url: 'http://127.0.0.1:8181', private: true}", "r.url", "leads to an address that is always refused"),
        ("r: {url: 'http://localhost:8080', private: true}", "r.url", "leads to an address that is always refused"),
        (
            "r: {url: 'https://a.example.'}",
            "r.url",
            "leads nowhere: the destination's host is no name that has one reading",
        ),
        ("r: {url: 'https://a.example/v1/../v2'}", "r.url", "has a dot segment"),
        ("r: {url: 'https://a.example/v1/.'}", "r.url", "has a dot segment"),
        ("r: {url: 'https://a.example/v1/%2E%2e/x'}", "r.url", "has a dot segment"),
        ("r: {url: 'https://a.example/v1/..%2Fx'}", "r.url", "has a dot segment"),
        ("r: {url: 'https://10.0.0.1'}", "r.url", "leads to a private address, which is refused"),
        (
            "r: {url: 'https://[fd00::1]', private: [fd01::/16]}",
            "r.url",
            "leads to a private address, which is refused",
        ),
        ("r: {url: 'http://localhost:9000'}", "r.url", "leads to a private address, which is refused"),
        ("{q: {url: 'https://a.example/x/'}, r: {url: 'https://A.example:443/x'}}", "r", "takes the same calls as q"),
    ],
)
def test_routes_that_lead_nowhere_are_reported(wrong: Wrong, text: str, path: str, what: str) -> None:
    (problem,) = wrong(f"{PROVIDERS}    {text}", SECRETS)
    assert (problem.path, problem.line, problem.what) == (f"egress.routes.{path}", 7, what)
    assert problem.mend


@pytest.mark.parametrize(
    "text",
    [
        "r: {url: 'https://a.example', provider: key, unattended: true}",
        "r: {url: 'https://a.example', unattended: true}",
        "r: {url: 'https://a.example/.well-known/v1..2/...'}",
        "r: {url: 'http://a.example', provider: key, insecure: true}",
        "r: {url: 'http://a.example'}",
        "r: {url: 'http://127.0.0.1:1', provider: key, private: true}",
        "r: {url: 'https://10.0.0.1', private: [10.0.0.0/8]}",
        "r: {url: 'http://10.0.0.1:8080', private: true}",
        "{q: {url: 'https://a.example'}, r: {url: 'https://a.example', methods: GET}}",
        "{q: {url: 'https://a.example'}, r: {url: 'https://a.example/x'}}",
    ],
)
def test_routes_that_lead_somewhere_are_good(read: Read, text: str) -> None:
    read(f"{PROVIDERS}    {text}", SECRETS)


ONE = "egress: {routes: {api: {url: 'https://a.example'}, mcp: {url: 'https://b.example', mcp: true}}}\n"
TWO = ONE.replace("}}}", "}, other: {url: 'https://c.example', mcp: true}}}")
NONE = "egress: {routes: {api: {url: 'https://a.example'}}}\n"


@pytest.mark.parametrize(
    ("text", "tool", "what", "mend"),
    [
        (
            ONE,
            "api/find",
            "names api/find, but api is no MCP route",
            "Set  egress.routes.api.mcp: true, or name a route that has tools.",
        ),
        (
            TWO,
            "find",
            "names find without its route, and there is not just one MCP route",
            "Write route/find; MCP routes: mcp, other.",
        ),
        (
            NONE,
            "find",
            "names find without its route, and there is not just one MCP route",
            "Write route/find; MCP routes: none.",
        ),
    ],
)
def test_a_tool_that_belongs_to_no_route_is_reported(wrong: Wrong, text: str, tool: str, what: str, mend: str) -> None:
    (problem,) = wrong(f"{text}capabilities: {{c: {{who: any, tools: ['{tool}']}}}}")
    assert (problem.path, problem.line, problem.what, problem.mend) == ("capabilities.c.tools", 3, what, mend)


SETS = "tools: {desk: [book_room, open_door, a/b]}\n"


@pytest.mark.parametrize(
    ("tool", "what", "mend"),
    [
        ("desk/book_rom", "names desk/book_rom, and the set desk has no such tool", 'Did you mean "book_room"?'),
        (
            "desk/fly",
            "names desk/fly, and the set desk has no such tool",
            "There are book_room, open_door, a/b: add it to tools.desk.",
        ),
        (
            "desk/fly_*",
            "names desk/fly_*, and the set desk has no such tool",
            "There are book_room, open_door, a/b: add it to tools.desk.",
        ),
    ],
)
def test_a_tool_that_its_set_does_not_have_is_reported(wrong: Wrong, tool: str, what: str, mend: str) -> None:
    (problem,) = wrong(f"{SETS}{ONE}capabilities: {{c: {{who: any, tools: ['{tool}']}}}}")
    assert (problem.path, problem.line, problem.what, problem.mend) == ("capabilities.c.tools", 4, what, mend)


def test_a_set_with_the_name_of_an_mcp_route_is_reported(wrong: Wrong) -> None:
    (problem,) = wrong(f"tools: {{mcp: [find], api: [find]}}\n{ONE}")
    assert (problem.path, problem.line, problem.what) == ("tools.mcp", 2, "is the name of an MCP route, too")


@pytest.mark.parametrize("text", ["tools: {desk: []}", "tools: {desk: ['book*']}", "tools: {'a b': [c]}", "tools: [a]"])
def test_a_set_holds_tools_by_their_names(wrong: Wrong, text: str) -> None:
    assert len(wrong(text)) == 1


def test_tools_are_of_routes_and_of_sets(read: Read) -> None:
    settings = read(f"{SETS}{ONE}capabilities: {{c: {{who: any, tools: [desk/book_room, 'desk/*', find, desk/a/b]}}}}")
    assert settings.capabilities["c"].tools == {"desk/book_room", "desk/*", "mcp/find", "desk/a/b"}
    assert toolboxes(settings) == {
        "desk": Toolbox(tools=frozenset({"book_room", "open_door", "a/b"})),
        "mcp": Toolbox(),
    }


@pytest.mark.parametrize(
    ("text", "tool", "full"), [(ONE, "find", "mcp/find"), (ONE, "mcp/*", "mcp/*"), (TWO, "other/a/b", "other/a/b")]
)
def test_a_tool_is_known_by_its_route(read: Read, text: str, tool: str, full: str) -> None:
    settings = read(f"{text}capabilities: {{c: {{who: any, tools: ['{tool}']}}}}")
    assert settings.capabilities["c"].tools == {full}


@pytest.mark.parametrize(
    ("pinned", "what"),
    [
        ("169.254.169.254", "leads to an address that is always refused"),
        ("10.0.0.1", "leads to a private address, which is refused"),
    ],
)
def test_a_route_is_looked_at_where_its_host_is_pinned(wrong: Wrong, pinned: str, what: str) -> None:
    text = f"resolve: {{a.example: {pinned}}}\negress: {{routes: {{r: {{url: 'https://a.example'}}}}}}\n"
    assert [problem.what for problem in wrong(text)] == [what]
    assert wrong(text.replace(pinned, "93.184.216.34")) == []


@pytest.mark.parametrize("what", ["tools: [desk/book_*]", "tools: [mcp/find]", "routes: [mcp]", "tools: ['desk/*']"])
def test_arguments_are_those_of_tools(wrong: Wrong, what: str) -> None:
    assert not wrong(f"{SETS}{ONE}capabilities: {{c: {{who: any, {what}, arguments: {{to: [a]}}}}}}")


def test_arguments_of_no_tool_are_reported(wrong: Wrong) -> None:
    (problem,) = wrong(f"{ONE}capabilities: {{c: {{who: any, routes: [api], arguments: {{to: [a]}}}}}}")
    assert (problem.path, problem.line) == ("capabilities.c.arguments", 3)
    assert problem.what == "are those of tools, and it opens none"
