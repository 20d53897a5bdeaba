"""Files of expectations: what they say, and what is wrong with them, where."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidecar.policy.decision import Act
from sidecar.policy.expectations import Expectation
from sidecar.settings import Problem, Problems, Settings, expectations
from tests.settings.conftest import Read

CONFIGURATION = """
issuers: {okta: {type: okta, domain: acme.okta.com, audience: travel}}
providers: {google: {type: google, client_id: c, client_secret: {env: S}}}
egress:
  routes:
    calendar: {url: "https://www.googleapis.com", provider: google, scopes: [calendar.readonly]}
    travel: {url: "https://travel.example/mcp", mcp: true}
capabilities:
  read: {who: {groups: [sales]}, provider: google, scopes: [calendar.readonly], routes: [calendar]}
"""


@pytest.fixture
def configured(read: Read) -> Settings:
    return read(CONFIGURATION, {"S": "s"})


def cases(tmp_path: Path, configured: Settings, text: str) -> tuple[Expectation, ...]:
    file = tmp_path / "expectations.yaml"
    file.write_text(text)
    return expectations.read(file, configured)


def problems(tmp_path: Path, configured: Settings, text: str) -> list[Problem]:
    with pytest.raises(Problems) as wrong:
        cases(tmp_path, configured, text)
    return [*wrong.value.problems]


def test_each_case_is_read_with_its_line(tmp_path: Path, configured: Settings) -> None:
    text = """\
cases:
  - {principal: alice, route: calendar, expect: allow, capability: read}
  - {principal: alice, route: calendar, method: PUT, path: /x%20y, at: 2026-11-24T22:00:00+01:00, expect: deny}
  - {name: the agent's own, principal: agent, provider: google, scopes: [openid], expect: deny, failed: who.groups}
  - {principal: {claims: {iss: "https://acme.okta.com/oauth2/default", uid: bob}}, tool: travel/list, expect: deny}
  - {principal: alice, tool: list, arguments: {to: [a, 1]}, expect: deny}
  - principal: alice
    enter: true
    expect: allow
    capability: inbound.who
principals:
  alice: {issuer: okta, claims: {uid: alice, groups: [sales]}}
"""
    found = cases(tmp_path, configured, text)
    assert [case.line for case in found] == [2, 3, 4, 5, 6, 7]
    assert [case.access.wanted for case in found] == [
        *(Act.CALL, Act.CALL, Act.CREDENTIAL, Act.TOOL, Act.TOOL, Act.ENTER),
    ]
    alice = found[0].access.principal
    assert alice is not None
    assert (alice.subject, alice.groups) == ("alice", frozenset({"sales"}))
    assert found[0].name == "alice: GET / by the route calendar"
    assert (found[1].access.method, found[1].access.path, found[1].at) == ("PUT", "/x%20y", 1795554000.0)
    assert (found[2].name, found[2].access.principal, found[2].failed) == ("the agent's own", None, "who.groups")
    assert (found[3].access.tool, found[3].access.arguments) == ("travel/list", None)
    assert found[4].access.arguments == {"to": ["a", 1]}
    assert found[5].capability == "inbound.who"


def test_a_list_alone_is_one_of_cases(tmp_path: Path, configured: Settings) -> None:
    (case,) = cases(tmp_path, configured, "- {principal: agent, route: calendar, expect: deny}\n")
    assert (case.line, case.expect) == (1, "deny")


@pytest.mark.parametrize(
    ("text", "path", "line", "what", "mend"),
    [
        ("[]", "cases", 1, "is an empty list", "Name at least one"),
        ("{}", "cases", 1, "is missing", "Set  cases:"),
        ("x", "", 0, '"x" is not a table', "Write it like"),
        ("[{", "", 2, "is not YAML", "Mind"),
        ("- {principal: agent, route: calendar}", "cases[0].expect", 1, "is missing", "Set  expect: allow"),
        ("- {route: calendar, expect: deny}", "cases[0].principal", 1, "is missing", "Set  principal: agent"),
        (
            "- {principal: agent, route: calendar, expct: deny, expect: deny}",
            "cases[0].expct",
            1,
            "is not a key here",
            'Did you mean "expect"?',
        ),
        ("- {principal: agent, route: calendar, expect: no}", "cases[0].expect", 1, "", ""),
        (
            "- {principal: agent, route: calender, expect: deny}",
            "cases[0].route",
            1,
            '"calender" is not a route',
            'Did you mean "calendar"?',
        ),
        (
            "- {principal: agent, route: calendar, capability: raed, expect: deny}",
            "cases[0].capability",
            1,
            '"raed" is not a capability',
            'Did you mean "read"?',
        ),
        (
            "cases:\n- {principal: alise, route: calendar, expect: deny}\n"
            "principals: {alice: {issuer: okta, claims: {uid: a}}}",
            "cases[0].principal",
            2,
            '"alise" is not agent, nor one of principals',
            'Did you mean "alice"?',
        ),
        ("- {principal: 7, route: calendar, expect: deny}", "cases[0].principal", 1, "", ""),
        (
            "- {principal: {issuer: okt, claims: {uid: a}}, route: calendar, expect: deny}",
            "cases[0].principal.issuer",
            1,
            '"okt" is not an issuer',
            'Did you mean "okta"?',
        ),
        (
            "- {principal: {issuer: okta, claims: {sub: a}}, route: calendar, expect: deny}",
            "cases[0].principal.claims",
            1,
            "is nobody's",
            "",
        ),
        (
            "principals: {alice: {claims: {uid: a}}}\ncases: [{principal: alice, route: calendar, expect: deny}]",
            "principals.alice.claims",
            1,
            "is nobody's: iss is not that of a configured issuer",
            "Configured: okta.",
        ),
        (
            "- {principal: agent, expect: deny}",
            "cases[0]",
            1,
            "does nothing",
            "Give one of enter, route, provider, tool.",
        ),
        (
            "- {principal: agent, route: calendar, tool: list, expect: deny}",
            "cases[0]",
            1,
            "does route and tool at once",
            "Give one of",
        ),
        (
            "- {principal: agent, tool: list, method: GET, expect: deny}",
            "cases[0].method",
            1,
            "means nothing without route",
            "Remove it, or give  route",
        ),
        ("- {principal: agent, enter: true, expect: deny}", "cases[0].enter", 1, "is not the agent's to do", "Name"),
        (
            "- {principal: agent, route: calendar, expect: allow, failed: hours}",
            "cases[0].failed",
            1,
            "fails nothing that is allowed",
            "Remove it",
        ),
        (
            "- {principal: agent, route: calendar, at: noon, expect: deny}",
            "cases[0].at",
            1,
            '"noon" is not a time',
            "Write it like  2026",
        ),
    ],
)
def test_what_is_wrong_is_told_with_path_line_and_mend(
    tmp_path: Path, configured: Settings, text: str, path: str, line: int, what: str, mend: str
) -> None:
    (problem,) = problems(tmp_path, configured, text)
    assert (problem.path, problem.line) == (path, line)
    assert problem.file.endswith("expectations.yaml")
    assert problem.what.startswith(what)
    assert problem.mend.startswith(mend)


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path, configured: Settings) -> None:
    with pytest.raises(Problems, match="which is not there"):
        expectations.read(tmp_path / "none.yaml", configured)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["principal", "route", "tool", "expect", "enter", "arguments", "at", "scopes", "x"]),
            st.sampled_from(["agent", "calendar", "list", "deny", True, None, 7, [], ["a"], {}, {"claims": {}}]),
        ),
        max_size=3,
    )
)
def test_whatever_stands_there_is_read_or_is_a_problem(
    tmp_path: Path, configured: Settings, given_cases: list[dict[str, object]]
) -> None:
    with contextlib.suppress(Problems):
        assert len(cases(tmp_path, configured, json.dumps(given_cases))) == len(given_cases)
