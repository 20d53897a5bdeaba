"""Conditions that nobody can meet, given the issuers."""

import pytest

from sidecar.settings import people
from tests.settings.conftest import Read, Wrong

ISSUERS = """\
issuers:
  okta: {type: okta, domain: acme.okta.com, audience: travel}
  pool: {type: cognito, region: eu-central-1, user_pool_id: eu-central-1_a1, client_ids: [one, two]}
  staff: {type: entra, tenant: 4f2d0000-0000-0000-0000-000000000000, audience: travel}
  auth: {type: auth0, domain: acme.eu.auth0.com, audience: travel}
  nightly: {type: oidc, issuer: "https://token.actions.githubusercontent.com", audience: travel, require: {ref: main}}
  planner: {type: sidecar, url: "https://planner.example.com", issuers: [pool]}
inbound: {public_url: "https://travel.example.com"}
egress: {routes: {r: {url: "https://r.example"}}}
"""


def capability(who: str) -> str:
    return f"{ISSUERS}capabilities: {{c: {{who: {who}, routes: [r]}}}}"


@pytest.mark.parametrize(
    ("who", "key", "what", "mend"),
    [
        (
            "{issuer: okta, roles: [r]}",
            ".roles",
            "asks for roles, which tokens of okta don't name",
            "Use groups or claims instead.",
        ),
        (
            "{issuer: nightly, groups: [g]}",
            ".groups",
            "asks for groups, which tokens of nightly don't name",
            "Set  issuers.nightly.claims: {groups: …}  if some claim holds them, or use roles or claims instead.",
        ),
        ("{issuer: okta, any: [{roles: [r]}]}", "", "asks for roles, which tokens of okta don't name", "Use groups"),
        (
            "{issuer: okta, kind: workflow}",
            ".kind",
            "names a kind that none of the issuers' principals is",
            "Use one that there is (okta: service, user), or set the issuer's.",
        ),
        (
            "{issuer: staff, tenant: 5a3e0000-0000-0000-0000-000000000000}",
            ".tenant",
            "names a tenant that staff doesn't have",
            "Tenants that there are: 4f2d0000-0000-0000-0000-000000000000.",
        ),
        ("{issuer: okta, tenant: acme}", ".tenant", "names a tenant that okta doesn't have", "Remove it."),
        (
            "{issuer: planner}",
            ".issuer",
            "names a sidecar, which has no principals of its own",
            "Name whom it speaks for: pool.",
        ),
        ("{groups: [a], not: {groups: [a]}}", "", "is met by nobody: what it asks for excludes itself", "Look at not"),
        ("{issuer: okta, all: [{issuer: pool}]}", "", "is met by nobody: what it asks for excludes itself", "Look at"),
    ],
)
def test_a_capability_that_no_one_can_have_is_a_problem(wrong: Wrong, who: str, key: str, what: str, mend: str) -> None:
    (problem,) = wrong(capability(who))
    assert (problem.path, problem.line, problem.what) == (f"capabilities.c.who{key}", 11, what)
    assert problem.mend.startswith(mend)


@pytest.mark.parametrize(
    "who",
    [
        "any",
        "agent",
        "{issuer: okta, groups: [g]}",
        "{issuer: staff, roles: [r], groups: [g]}",
        "{issuer: pool, roles: [r], kind: workflow, client: three}",  # as another sidecar may have it
        "{issuer: nightly, kind: workflow}",
        "{issuer: [okta, staff], roles: [r]}",
        "{not: {issuer: okta, roles: [r]}}",
        "{kind: user, not: {groups: [a]}}",
    ],
)
def test_what_somebody_can_have_is_none(wrong: Wrong, who: str) -> None:
    assert not wrong(capability(who))


def test_a_client_that_is_not_accepted_is_one(wrong: Wrong) -> None:
    (problem,) = wrong(capability("{issuer: pool, client: three}").replace("issuers: [pool]", "issuers: [okta]"))
    assert problem.what == "names a client whose tokens are not accepted"
    assert problem.mend == "Clients that are: one, two."


def test_who_may_call_at_all_is_looked_at_as_well(wrong: Wrong) -> None:
    inbound = 'inbound: {public_url: "https://travel.example.com"'
    (problem,) = wrong(ISSUERS.replace(inbound, inbound + ", who: {issuer: okta, roles: [r]}"))
    assert (problem.path, problem.line) == ("inbound.who.roles", 9)


def test_what_only_those_could_have_who_are_not_let_in_is_one(wrong: Wrong) -> None:
    inbound = 'inbound: {public_url: "https://travel.example.com"'
    text = capability("{groups: [guests]}").replace(inbound, inbound + ", who: {not: {groups: [guests]}}")
    (problem,) = wrong(text)
    assert (problem.path, problem.what) == ("capabilities.c.who", "is met by nobody whom inbound.who lets in")
    assert not wrong(text.replace("{groups: [guests]}, routes", "agent, routes"))


def test_nothing_is_said_where_the_issuer_is_wrong_itself(wrong: Wrong) -> None:
    text = capability("{issuer: okta, roles: [r]}").replace("audience: travel}", "audience: travel, kind: robot}", 1)
    assert [problem.path for problem in wrong(text)] == ["issuers.okta.kind"]


def test_nothing_is_said_where_there_is_no_issuer(wrong: Wrong) -> None:
    assert not wrong("egress: {routes: {r: {url: 'https://r.example'}}}\ncapabilities: {c: {who: any, routes: [r]}}")


def test_groups_that_auth0_names_under_a_namespace_alone_are_noted(read: Read) -> None:
    text = capability("{issuer: auth, groups: [g]}")
    (note,) = [note for note in read(text).notes if "namespace" in note]
    assert note.startswith("line 11: capabilities.c.who.groups is asked for, and Auth0's tokens name groups under a")
    assert note.endswith("Set  issuers.auth.claims: {groups: https://…/groups}")
    mapped = text.replace("eu.auth0.com,", 'eu.auth0.com, claims: {groups: "https://acme.example/groups"},')
    assert not [note for note in read(mapped).notes if "namespace" in note]


def test_what_is_known_of_each_issuer(read: Read) -> None:
    known = {source.issuer: source for source in people.sources(read(ISSUERS))}
    assert set(known) == {"okta", "pool", "staff", "auth", "nightly"}
    assert known["nightly"].kinds == {"workflow"}
    assert known["pool"].kinds == {"user", "service", "workflow"}
    assert known["staff"].tenants == frozenset({"4f2d0000-0000-0000-0000-000000000000"})
    assert known["pool"].tenants is None
    assert known["okta"].tenants == frozenset()
