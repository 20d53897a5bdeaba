"""A team's own policies: read statement by statement, each checked, and what is wrong told with its line."""

import pytest

from sidecar.policy.decision import Act
from sidecar.policy.own import Own, Policy, Unreadable, read

TEXT = """\
// Nobody at night; really: nobody.
@id("no; nights")
forbid (principal, action, resource) when { context.now.toTime() > duration("22h") };

@capability("desk")
permit (principal is Principal, action in [Action::"tool", Action::"converse"], resource)
when { principal.hasTag("dept") && principal.getTag("dept").contains("x; // y") };
permit (principal, action == Action::"call", resource == Route::"a")
when { context has path && context.method == "GET" };
// The end.
"""


def only(text: str) -> Policy:
    (policy,) = read("own.cedar", text)
    return policy


def test_each_policy_has_a_name_a_line_and_what_it_speaks_of() -> None:
    nights, desk, third = read("/etc/sidecar/own.cedar", TEXT)
    assert [(policy.name, policy.line) for policy in (nights, desk, third)] == [
        ("no; nights", 2),
        ("desk", 5),
        ("own.cedar:3", 8),
    ]
    assert (nights.acts, nights.mentions) == (frozenset(Act), frozenset({"now"}))
    assert (desk.acts, desk.mentions) == (frozenset({Act.TOOL, Act.CONVERSE}), frozenset())
    assert desk.claims == {"dept"}
    assert (third.acts, third.mentions) == (frozenset({Act.CALL}), frozenset({"path", "method"}))
    own = Own([nights, desk, third])
    assert own.claims == {"dept"}
    part = own.of(Act.ENTER)
    assert part is not None
    assert [policy.name for policy in part.policies.values()] == ["no; nights"]
    assert len(own.handle) == 3
    assert Own([desk]).of(Act.CALL) is None


def test_a_policy_that_hands_the_context_on_looks_at_all_of_it() -> None:
    policy = only('permit (principal, action == Action::"call", resource) when { [context].contains(context) };')
    assert policy.mentions == {"method", "path", "arguments", "now", "hours"}
    inside = only(
        'forbid (principal, action == Action::"tool", resource) '
        'when { context has arguments && context.arguments.hasTag("x") };'
    )
    assert inside.mentions == {"arguments"}


def test_a_claim_whose_name_is_worked_out_is_not_known_beforehand() -> None:
    policy = only("permit (principal is Principal, action, resource) when { principal.hasTag(principal.subject) };")
    assert policy.claims == frozenset()


@pytest.mark.parametrize("text", ["", "\n \n", "// nothing\n", "// a;\n// b"])
def test_there_may_be_none(text: str) -> None:
    assert read("own.cedar", text) == ()


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("permit (principal, action, resource) when { == };", [(1, "unexpected token `==`")]),
        ("\n\n// x\npermit (principal, action, resource)", [(4, "unexpected end of input")]),
        (
            "permit (principal, action, resource) when { principal.foo == 1 };\npermit (;\n\n  permit (principal);",
            [(1, "attribute `foo`"), (2, "unexpected"), (4, "")],
        ),
        ("permit (principal == ?principal, action, resource);", [(1, "has a slot")]),
        ('permit (principal, action == Action::"fly", resource);', [(1, "unrecognized action")]),
        ('permit (principal, action, resource) when { "', [(1, "invalid token")]),
        (";", [(1, "unexpected token `;`")]),
        (
            'permit (principal is Principal, action, resource) when { principal.groups.contains("a") };',
            [(1, "unable to guarantee safety")],
        ),
    ],
)
def test_what_is_wrong_is_told_with_the_line_of_its_policy(text: str, faults: list[tuple[int, str]]) -> None:
    with pytest.raises(Unreadable) as found:
        read("own.cedar", text)
    assert [fault.line for fault in found.value.faults] == [line for line, _ in faults]
    assert all(said in fault.what for fault, (_, said) in zip(found.value.faults, faults, strict=True))
    assert "policy0" not in str(found.value)
