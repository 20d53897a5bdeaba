"""Cedar's decisions: what the declaration means, beside what a team's own policies say, remembered and bounded."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.identity.principal import Kind, Principal
from sidecar.policy.capability import Capability, Who
from sidecar.policy.cedar import Cedar
from sidecar.policy.decision import Access, Act, Decision
from sidecar.policy.declared import Declared
from sidecar.policy.own import Own, read
from tests.fuzzing import examples
from tests.policy import world

IDLE = 'forbid (principal, action, resource) when { context.hours.contains("never") };'
"""A policy of one's own that says nothing: with it, Cedar is asked about everything."""


@examples(80)
@given(
    world.capabilities,
    world.whos,
    st.lists(world.principals, min_size=1, max_size=2),
    st.lists(st.sampled_from(world.TIMES), min_size=1, max_size=2, unique=True),
    st.randoms(use_true_random=False),
    st.booleans(),
)
def test_cedar_and_the_declaration_agree_on_everything(
    capabilities: list[Capability],
    enter: Who,
    principals: list[Principal | None],
    times: list[float],
    random: Random,
    own: bool,
) -> None:
    cedar = Cedar(capabilities, enter, world.TOOLBOXES, Own(read("idle.cedar", IDLE)) if own else None)
    declared = Declared(capabilities, enter, world.TOOLBOXES)
    questions = random.sample(world.QUESTIONS, len(world.QUESTIONS))
    for now in times:
        for principal in principals:
            for question in questions:
                access = world.of(principal, question)
                assert cedar.decide(access, now) == declared.decide(access, now), access
            assert cedar.tools(principal, world.SHOWN, now) == declared.tools(principal, world.SHOWN, now)
            assert cedar.declared(principal, now) == declared.declared(principal, now)


# what is decided, and by what


ALICE = Principal("https://id.example.com", "", "alice", "okta", Kind.USER, groups=frozenset({"sales"}))
BOB = replace(ALICE, subject="bob", groups=frozenset())
SALES = Who(principal=False, groups=frozenset({"sales"}))
CALL = Access(ALICE, "mail", "google", frozenset({"read"}), "GET", "/inbox/1")
BOOK = Access(ALICE, act=Act.TOOL, tool="desk/book", arguments={})
MAIL = Capability("mail", SALES, "google", frozenset({"read", "write"}), routes=frozenset({"mail"}))
DESK = Capability("desk", SALES, tools=frozenset({"desk/*"}))


def cedar(*capabilities: Capability, own: str = "", enter: Who | None = None) -> Cedar:
    return Cedar(capabilities, enter or Who(), world.TOOLBOXES, Own(read("own.cedar", own)) if own else None)


def test_of_several_that_allow_it_the_first_is_named_and_the_scopes_are_of_all_where_none_are_asked() -> None:
    more = replace(MAIL, name="more", scopes=frozenset({"read", "send"}))
    policy = cedar(MAIL, more)
    assert policy.decide(CALL, 0.0) == Decision("mail", frozenset({"read", "write"}))
    assert policy.decide(replace(CALL, scopes=frozenset()), 0.0) == Decision(
        "mail", frozenset({"read", "write", "send"})
    )


def test_what_a_policy_of_ones_own_forbids_is_refused_whatever_a_capability_allows() -> None:
    policy = cedar(MAIL, DESK, own='@id("no-mail") forbid (principal, action == Action::"call", resource);')
    assert policy.decide(CALL, 0.0) == Decision(None, nearest="no-mail", failed="it forbids this")
    assert policy.decide(BOOK, 0.0).capability == "desk"


def test_what_a_policy_of_ones_own_permits_is_allowed_as_by_a_capability() -> None:
    policy = cedar(MAIL, own='permit (principal, action == Action::"tool", resource == Tool::"desk/book");')
    assert policy.decide(BOOK, 0.0) == Decision("own.cedar:1")
    assert policy.decide(replace(CALL, principal=BOB), 0.0).nearest == "mail"
    assert policy.declared(BOB, 0.0) == ("desk/book",)
    assert policy.tools(None, ["desk/book", "desk/x", "desk/"], 0.0) == [True, False, False]


def test_a_route_that_is_called_as_a_set_of_tools_opens_none_of_them() -> None:
    route = replace(DESK, tools=frozenset(), routes=frozenset({"desk"}))
    for policy in (cedar(route), Declared([route], Who(), world.TOOLBOXES)):
        assert not policy.decide(BOOK, 0.0).allowed
        assert policy.tools(ALICE, ["desk/book"], 0.0) == [False]
        assert policy.decide(Access(ALICE, "desk"), 0.0).allowed


def test_who_may_enter_is_a_matter_of_policies_too() -> None:
    enters = Access(BOB, act=Act.ENTER)
    assert cedar(MAIL, enter=SALES).decide(enters, 0.0) == Decision(
        None, nearest="inbound.who", failed="groups: none of sales"
    )
    assert cedar(MAIL).decide(enters, 0.0) == Decision("inbound.who")
    without = 'forbid (principal, action == Action::"enter", resource) when { principal.subject == "bob" };'
    assert cedar(own=without).decide(enters, 0.0).nearest == "own.cedar:1"
    assert cedar(own=without).decide(replace(enters, principal=ALICE), 0.0) == Decision("inbound.who")
    admits = 'permit (principal, action == Action::"enter", resource);'
    assert cedar(own=admits, enter=SALES).decide(enters, 0.0) == Decision("own.cedar:1")


def test_a_policy_that_cannot_be_evaluated_refuses_and_is_named_once_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    overflow = '@id("sum") permit (principal, action == Action::"call", resource) when { 9223372036854775807 + 1 > 0 };'
    policy = cedar(MAIL, own=overflow)
    for path in ("/a", "/b"):
        decision = policy.decide(replace(CALL, path=path), 0.0)
        assert decision == Decision(None, nearest="sum", failed="it cannot be evaluated")
    assert policy.decide(replace(CALL, principal=BOB), 0.0).nearest == "sum"
    assert [record.getMessage() for record in caplog.records] == [
        "sum can't be evaluated, so that what it speaks of is refused: an operation in it fails"
    ]


def test_claims_that_policies_of_ones_own_name_are_known_to_them() -> None:
    east = 'permit (principal is Principal, action == Action::"call", resource) when {'
    policy = cedar(own=east + ' principal.hasTag("department") && principal.getTag("department").contains("east") };')
    assert policy.decide(replace(CALL, principal=replace(ALICE, claims={"department": "east"})), 0.0).allowed
    assert not policy.decide(CALL, 0.0).allowed


def test_policies_of_ones_own_may_look_at_the_path_the_arguments_and_the_time() -> None:
    own = """
    @id("path") forbid (principal, action == Action::"call", resource) when { context.path like "*/1" };
    @id("sum") forbid (principal, action == Action::"tool", resource)
    when { context has arguments && context.arguments.hasTag("sum") }
    unless { context has arguments && context.arguments.hasTag("sum")
      && ["1", "2"].containsAll(context.arguments.getTag("sum")) };
    @id("night") forbid (principal, action == Action::"converse", resource)
    when { context.now.toTime() > duration("22h") };
    """
    policy = cedar(replace(MAIL, routes=frozenset({"mail", "travel"})), DESK, own=own)
    assert policy.decide(CALL, 0.0).nearest == "path"
    assert policy.decide(replace(CALL, path="/inbox/2"), 0.0).allowed
    for value, allowed in (("1", True), (2, True), ([1, 2], True), (3, False), (1.0, False), ([1, None], False)):
        assert policy.decide(replace(BOOK, arguments={"sum": value}), 0.0).allowed is allowed
    assert policy.decide(BOOK, 0.0).allowed
    assert policy.tools(ALICE, ["desk/book"], 0.0) == [True]
    converse = Access(ALICE, "travel", act=Act.CONVERSE)
    evening = 22 * 3600.0
    assert [policy.decide(converse, evening + second).allowed for second in (0.0, 59.0, 60.0, 0.0)] == [
        *(True, True, False, True)
    ]


def test_another_principal_is_never_taken_for_one_that_is_gone() -> None:
    policy = cedar(MAIL)
    for number in range(300):
        groups = frozenset({"sales"} if number % 2 else {"eng"})
        assert policy.decide(replace(CALL, principal=replace(ALICE, groups=groups)), 0.0).allowed == (number % 2 == 1)


def test_what_is_remembered_is_bounded_and_worked_out_once() -> None:
    policy = cedar(
        replace(MAIL, paths=("/inbox/",)), DESK, own='forbid (principal, action == Action::"enter", resource);'
    )
    policy.MOST_REMEMBERED = 20
    first = policy.decide(CALL, 0.0)
    assert policy.decide(replace(CALL, path="/inbox/2"), 0.0) is first  # the path alone makes no difference
    for number in range(100):
        access = replace(CALL, principal=replace(ALICE, subject=str(number)))
        assert policy.decide(access, 0.0).allowed
        assert not policy.decide(replace(access, path="/"), 0.0).allowed
        kept = sum(1 + len(each.decisions) for each in policy._remembered.values())
        assert kept <= policy.MOST_REMEMBERED + 2
        assert len(policy._entities) <= policy.MOST_REMEMBERED


def test_what_cedar_cannot_take_is_refused() -> None:
    """Nothing of the sort is known; if there is something, it lets nobody in."""
    broken = replace(ALICE, issuer="a\ud800")  # a configured name, which can't be that
    decision = cedar(MAIL).decide(replace(CALL, principal=broken), 0.0)
    assert (decision.allowed, decision.nearest) == (False, "the policy")
