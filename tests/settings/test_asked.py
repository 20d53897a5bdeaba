"""What is asked of a configuration by name."""

import pytest

from sidecar.policy.decision import Access, Act
from sidecar.settings import Settings, asked
from sidecar.settings.problem import Misfit
from tests.settings.conftest import Read

TEXT = """
issuers: {okta: {type: okta, domain: acme.okta.com, audience: travel}}
providers: {google: {type: google, client_id: c, client_secret: {env: S}}}
egress:
  routes:
    calendar: {url: "https://www.googleapis.com", provider: google, scopes: [calendar.readonly]}
    travel: {url: "https://travel.example/mcp", mcp: true, provider: google, scopes: [openid]}
"""
READONLY = "https://www.googleapis.com/auth/calendar.readonly"


@pytest.fixture
def settings(read: Read) -> Settings:
    return read(TEXT, {"S": "s"})


def test_what_a_call_needs_is_the_routes_own(settings: Settings) -> None:
    expected = Access(None, "calendar", "google", frozenset({READONLY}), "PUT", "/x")
    assert asked.call(settings, None, "calendar", "PUT", "/x") == expected
    assert asked.said(expected) == "PUT /x by the route calendar"


def test_scopes_are_asked_for_in_the_providers_form(settings: Settings) -> None:
    access = asked.credential(settings, None, "google", ["calendar.readonly"])
    assert (access.provider, access.scopes, access.wanted) == ("google", frozenset({READONLY}), Act.CREDENTIAL)
    assert asked.said(access) == f"have the credential of google with {READONLY}"
    assert asked.said(asked.credential(settings, None, "google")) == "have the credential of google"


def test_a_bare_tool_is_that_of_the_one_mcp_route(settings: Settings) -> None:
    access = asked.tool(settings, None, "list")
    assert access == asked.tool(settings, None, "travel/list")
    assert (access.tool, access.provider, access.scopes) == ("travel/list", "google", frozenset({"openid"}))
    assert asked.said(access) == "see the tool travel/list"
    assert asked.said(asked.tool(settings, None, "list", {})) == "call the tool travel/list"


def test_entering_is_a_principals(settings: Settings) -> None:
    alice = asked.principal(settings, {"uid": "alice", "groups": ["a"]}, "okta")
    assert asked.said(asked.entering(alice)) == "call the agent"
    with pytest.raises(Misfit, match="is not the agent's to do"):
        asked.entering(None)


@pytest.mark.parametrize(
    ("kind", "name", "what", "mend"),
    [
        ("call", "calender", '"calender" is not a route', 'Did you mean "calendar"?'),
        ("credential", "x", '"x" is not a provider', "Known: google."),
        ("tool", "travl/list", '"travl" is not an MCP route or a set of tools', 'Did you mean "travel"?'),
        ("tool", "calendar/list", '"calendar" is not an MCP route or a set of tools', "Known: travel."),
    ],
)
def test_what_there_is_not_is_told_with_what_is_near(
    settings: Settings, kind: str, name: str, what: str, mend: str
) -> None:
    with pytest.raises(Misfit) as misfit:
        getattr(asked, kind)(settings, None, name)
    assert (misfit.value.what, misfit.value.mend) == (what, mend)


def test_a_bare_tool_without_one_mcp_route_is_nobodys(read: Read) -> None:
    with pytest.raises(Misfit, match="without its route"):
        asked.tool(read("egress: {routes: {a: {url: 'https://a.example'}}}"), None, "list")


def test_claims_that_are_nobodys_say_what_is_lacking(settings: Settings) -> None:
    with pytest.raises(Misfit) as misfit:
        asked.principal(settings, {"sub": "alice"}, "okta")
    assert misfit.value.what.startswith("is nobody's: ")
