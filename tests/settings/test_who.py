"""Conditions as they stand in a file."""

import pytest

from sidecar.policy.capability import Who
from sidecar.settings.place import tree
from sidecar.settings.who import AGENT, ANY, MOST_DEPTH, WhoShape
from tests.settings.conftest import Read, Wrong

KNOWN = "issuers:\n  okta: {type: oidc, issuer: 'https://id.example', audience: travel, claims: {tenant: org}}\n"


def among(*names: str) -> frozenset[str]:
    return frozenset(names)


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("any", ANY),
        ("{groups: [sales, staff]}", Who(principal=False, groups=among("sales", "staff"))),
        ("{groups: Domain Admins}", Who(principal=False, groups=among("Domain Admins"))),
        ("{issuer: okta, kind: user}", Who(principal=False, issuer=among("okta"), kind=among("user"))),
        (
            "{subject: a, tenant: [b], client: c, roles: [d], scopes: [e, f]}",
            Who(
                principal=False,
                subject=among("a"),
                tenant=among("b"),
                client=among("c"),
                roles=among("d"),
                scopes=among("e", "f"),
            ),
        ),
        (
            "{claims: {plan: [gold, '7', 7, true, -1], realm/x: y}}",
            Who(principal=False, claims={"plan": among("gold", "7", "true", "-1"), "realm/x": among("y")}),
        ),
        (
            "{any: [{groups: a}, any], all: [{roles: b}], not: {groups: c}}",
            Who(
                principal=False,
                any_of=(Who(principal=False, groups=among("a")), ANY),
                all_of=(Who(principal=False, roles=among("b")),),
                none_of=(Who(principal=False, groups=among("c")),),
            ),
        ),
        (
            "{not: [{groups: a}, {not: {groups: b}}]}",
            Who(
                principal=False,
                none_of=(
                    Who(principal=False, groups=among("a")),
                    Who(principal=False, none_of=(Who(principal=False, groups=among("b")),)),
                ),
            ),
        ),
        ("{groups: [{env: GROUP}]}", Who(principal=False, groups=among("from-env"))),
    ],
)
def test_conditions_are_read(read: Read, text: str, who: Who) -> None:
    assert read(f"{KNOWN}inbound: {{who: {text}}}", {"GROUP": "from-env"}).inbound.who == who


def test_everybody_is_meant_where_nothing_is_said(read: Read) -> None:
    assert read(KNOWN).inbound.who == ANY


def test_a_capability_may_be_the_agents_own(read: Read) -> None:
    routes = "egress: {routes: {model: {url: 'https://api.example.com'}}}\n"
    assert read(routes + "capabilities: {think: {who: agent, routes: [model]}}").capabilities["think"].who == AGENT


DEEP = "{not: " * MOST_DEPTH + "{groups: a}" + "}" * MOST_DEPTH


@pytest.mark.parametrize(
    ("text", "path", "what", "mend"),
    [
        ("agent", "", "agent is not a caller", "Write  any, or conditions such as  groups: [sales]"),
        ("nobody", "", '"nobody" is not any, or a table of conditions', "Write it like  any"),
        ("[a]", "", "is a list, not any, or a table of conditions", "Write it like  any"),
        ("", "", "is empty", "Give it a value (any, or a table of conditions), or remove the key."),
        ("{}", "", "asks nothing", "Write  any  if everybody is meant, or a condition such as  groups: [sales]"),
        ("{group: a}", ".group", "is not a key here", 'Did you mean "groups"?'),
        ("{groups: []}", ".groups", "is an empty list", "Name at least one, or remove the key."),
        ("{groups: no}", ".groups", '"no" is to YAML a boolean, not a text of up to 255 characters', None),
        ("{groups: [no]}", ".groups[0]", '"no" is to YAML a boolean, not a text of up to 255 characters', None),
        (
            "{kind: human}",
            ".kind",
            '"human" is not one of user, service, workflow',
            "Use one of user, service, workflow.",
        ),
        ("{issuer: otka}", ".issuer", '"otka" is not an issuer', 'Did you mean "okta"?'),
        ("{issuer: [okta, x]}", ".issuer[1]", '"x" is not an issuer', "Known: okta."),
        ("{claims: {}}", ".claims", "is an empty table", "Name at least one, or remove the key."),
        ("{claims: {plan: {}}}", ".claims.plan", "is a table, not a text, true, false or a whole number", None),
        (
            "{claims: {plan: yes}}",
            ".claims.plan",
            '"yes" is to YAML a boolean, not a text, true, false or a whole number',
            None,
        ),
        (
            "{claims: {plan: 010}}",
            ".claims.plan",
            '"010" is to YAML an integer, not a text, true, false or a whole number',
            None,
        ),
        (
            "{claims: {plan: 1.5}}",
            ".claims.plan",
            '"1.5" is to YAML a number, not a text, true, false or a whole number',
            None,
        ),
        ("{any: {groups: a}}", ".any", "is a table, not a list of conditions", "Write it like  [any]"),
        ("{any: []}", ".any", "is an empty list", "Name at least one, or remove the key."),
        ("{any: [{}]}", ".any[0]", "asks nothing", None),
        ("{not: any}", ".not", "any is not a condition", "Write a condition, such as  not: {groups: [guests]}"),
        (
            "{not: [agent]}",
            ".not[0]",
            "agent is not a condition",
            "Write a condition, such as  not: {groups: [guests]}",
        ),
        (DEEP, ".not" * MOST_DEPTH, "is nested deeper than 8 conditions", "Nest less."),
    ],
)
def test_conditions_that_do_not_fit_are_reported(
    wrong: Wrong, text: str, path: str, what: str, mend: str | None
) -> None:
    (problem,) = wrong(f"{KNOWN}inbound: {{who: {text}}}")
    assert (problem.path, problem.line, problem.what) == (f"inbound.who{path}", 4, what)
    assert mend in (None, problem.mend)


def test_words_and_tables_are_taken_for_conditions() -> None:
    shape = WhoShape(agent=False)
    nodes = [tree(text, lambda *_: None) for text in ("any", "{groups: a}", "[any]")]
    assert [shape.takes(node) for node in nodes] == [True, True, False]


def test_every_group_and_role_that_is_named_is_collected(read: Read) -> None:
    settings = read(
        "inbound: {who: {groups: a, not: {roles: b}}}\n"
        "admin: {listen: 'unix:admin.sock', who: {roles: c}}\n"
        "egress: {routes: {x: {url: 'https://x.example'}}}\n"
        "capabilities: {y: {who: {any: [{groups: d}]}, routes: [x]}}\n"
    )
    assert settings.named_groups == among("a", "d")
    assert settings.named_roles == among("b", "c")
