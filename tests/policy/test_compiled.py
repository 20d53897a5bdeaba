"""What capabilities come to in Cedar: policies that a person can read, that the schema takes, and that keep to what
nobody can tell."""

from dataclasses import replace

import cedarpy
import pytest
from hypothesis import given

from sidecar.identity.principal import Kind, Principal
from sidecar.policy.capability import Capability, Who
from sidecar.policy.cedar import Cedar
from sidecar.policy.compiled import compiled, entered
from sidecar.policy.decision import Access, Act, Toolbox
from sidecar.policy.hours import Hours
from sidecar.policy.schema import SCHEMA
from tests.fuzzing import examples
from tests.policy import world


def among(*names: str) -> frozenset[str]:
    return frozenset(names)


def who(**given: object) -> Who:
    return Who(principal=False, **given)  # type: ignore[arg-type]  # each of its own type


BOXES = {"travel": Toolbox(), "desk": Toolbox(tools=among("open"))}
CALENDAR = Capability(
    "read-calendar",
    who(issuer=among("okta"), groups=among("sales")),
    provider="google",
    scopes=among("calendar.readonly"),
    routes=among("calendar"),
    tools=among("travel/list_events"),
)
CALENDARS = """\
@capability("read-calendar")
permit (
  principal is Principal,
  action == Action::"call",
  resource == Route::"calendar"
)
when { principal.issuer == "okta" }
when { principal has groups && principal.groups.contains("sales") }
when { ["", "google"].contains(context.provider) }
when { ["calendar.readonly"].containsAll(context.scopes) };
@capability("read-calendar")
permit (
  principal is Principal,
  action == Action::"converse",
  resource == Route::"travel"
)
when { principal.issuer == "okta" }
when { principal has groups && principal.groups.contains("sales") }
when { ["", "google"].contains(context.provider) }
when { ["calendar.readonly"].containsAll(context.scopes) };
@capability("read-calendar")
permit (
  principal is Principal,
  action == Action::"tool",
  resource == Tool::"travel/list_events"
)
when { principal.issuer == "okta" }
when { principal has groups && principal.groups.contains("sales") }
when { ["", "google"].contains(context.provider) }
when { ["calendar.readonly"].containsAll(context.scopes) };
@capability("read-calendar")
permit (
  principal is Principal,
  action == Action::"credential",
  resource == Provider::"google"
)
when { principal.issuer == "okta" }
when { principal has groups && principal.groups.contains("sales") }
when { ["calendar.readonly"].containsAll(context.scopes) };
"""


def text(capability: Capability) -> str:
    return "".join(policy.text for policy in compiled(capability, BOXES))


def test_a_capability_comes_to_policies_that_a_person_can_read() -> None:
    assert text(CALENDAR) == CALENDARS
    assert [policy.acts for policy in compiled(CALENDAR, BOXES)] == [
        (Act.CALL,),
        (Act.CONVERSE,),
        (Act.TOOL,),
        (Act.CREDENTIAL,),
    ]
    assert text(Capability("think", who(), routes=among("model"))) == (
        '@capability("think")\npermit (\n  principal,\n  action == Action::"call",\n  resource == Route::"model"\n);\n'
    )


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"routes": among("travel")}, 'action in [Action::"call", Action::"converse", Action::"tool"]'),
        ({"routes": among("travel")}, 'resource in Route::"travel"'),
        ({"routes": among("a", "b")}, 'when { resource in [Route::"a", Route::"b"] }'),
        ({"routes": among("a"), "methods": among("GET")}, 'when { context.method == "GET" }'),
        (
            {"routes": among("a"), "paths": ("/x", "/y*/")},
            'when { context.path == "/x" || context.path like "/y\\*/*" }',
        ),
        ({"tools": among("travel/*")}, 'resource in Route::"travel"\n'),
        ({"tools": among("desk/*")}, 'resource in Toolset::"desk"\n'),
        ({"tools": among("travel/list_*")}, 'when { resource in Route::"travel" && resource.name like "list_*" }'),
        ({"tools": among("travel/a", "desk/open")}, 'when { resource in [Tool::"desk/open", Tool::"travel/a"] }'),
        (
            {"tools": among("travel/a"), "arguments": {"city": among("Berlin")}},
            'when { if context has arguments then context.arguments.hasTag("city") && '
            '["Berlin"].containsAll(context.arguments.getTag("city")) else true }',
        ),
        (
            {"routes": among("a"), "hours": (Hours.parse("mon 09:00-10:00"),)},
            'when { context.hours.contains("mon 09:00-10:00 UTC") }',
        ),
        ({"provider": "google"}, "when { context.scopes.isEmpty() }"),
    ],
)
def test_what_narrows_a_capability_narrows_its_policies(given: dict[str, object], says: str) -> None:
    assert says in text(Capability("c", who(), **given))  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize(
    "given",
    [
        {"provider": "google", "methods": among("GET")},
        {"routes": among("a"), "methods": among()},
        {"tools": among("nowhere/x")},
        {"tools": among("desk/open"), "arguments": {"a": among()}},
        {"who": who(none_of=(who(),)), "routes": among("a")},
    ],
    ids=["token held to a method", "no method", "no such place", "no argument", "nobody"],
)
def test_what_allows_nothing_comes_to_no_policy(given: dict[str, object]) -> None:
    assert text(Capability("c", **{"who": who(), **given})) == ""  # type: ignore[arg-type]  # as above


USER = Principal("https://id.example.com", "", "alice", "okta", Kind.USER)
UNKNOWN = replace(USER, groups=None)
SPOKEN_FOR = replace(USER, actors=("planner",))
GUESTS, EAST = who(groups=among("guests")), who(claims={"department": among("east")})
PRINCIPALS = {"the agent": None, "a user": USER, "unknown groups": UNKNOWN, "spoken for": SPOKEN_FOR}


@pytest.mark.parametrize(
    ("condition", "met_by"),
    [
        (who(), {"the agent", "a user", "unknown groups", "spoken for"}),
        (Who(), {"a user", "unknown groups", "spoken for"}),
        (GUESTS, set()),
        (who(none_of=(GUESTS,)), {"a user", "spoken for"}),
        (who(none_of=(who(none_of=(GUESTS,)),)), set()),
        (who(any_of=(GUESTS, who(none_of=(GUESTS,)))), {"a user", "spoken for"}),
        (who(any_of=(who(), GUESTS)), {"the agent", "a user", "unknown groups", "spoken for"}),
        (who(none_of=(EAST,)), {"a user", "unknown groups"}),
        (who(none_of=(who(any_of=(Who(),)),)), {"the agent"}),
        (who(none_of=(who(any_of=(Who(), GUESTS)),)), set()),
        (who(none_of=(who(all_of=(Who(), GUESTS)),)), {"the agent", "a user", "spoken for"}),
        (who(none_of=(who(client=among("x")),)), {"a user", "unknown groups", "spoken for"}),
    ],
)
def test_what_nobody_can_tell_lets_nobody_in_and_neither_does_its_opposite(condition: Who, met_by: set[str]) -> None:
    cedar = Cedar([Capability("c", condition, routes=among("a"))], Who(), BOXES)
    assert {name for name, one in PRINCIPALS.items() if cedar.decide(Access(one, "a"), 0.0).allowed} == met_by
    assert {name for name, one in PRINCIPALS.items() if condition.met(one)} == met_by


@examples(60)
@given(world.capabilities, world.whos)
def test_the_schema_takes_whatever_is_declared(capabilities: list[Capability], enter: Who) -> None:
    policies = [entered(enter), *(policy for each in capabilities for policy in compiled(each, world.TOOLBOXES))]
    result = cedarpy.validate_policies("".join(policy.text for policy in policies), SCHEMA)
    assert result.validation_passed, result.errors
