"""What decisions look at: the same facts wherever the answer is the same, others where it may be another."""

from sidecar.policy.capability import Capability, Who
from sidecar.policy.decision import Access, Act
from sidecar.policy.facts import NEVER, facts
from sidecar.policy.hours import Hours
from sidecar.policy.rule import Rule

NOON = 43200.0


def rules(**given: object) -> list[Rule]:
    return [Rule(Capability("c", Who(), **given))]  # type: ignore[arg-type]  # each of its own type


def call(method: str, path: str) -> Access:
    return Access(None, "api", method=method, path=path)


def tool(**arguments: object) -> Access:
    return Access(None, act=Act.TOOL, tool="travel/book", arguments=arguments)


def test_nothing_is_looked_at_where_nothing_is_named() -> None:
    assert facts(Act.CALL, rules()).none
    assert facts(Act.CONVERSE, rules(methods=frozenset({"GET"}), paths=("/x",), arguments={"a": frozenset()})).none
    assert facts(Act.TOOL, rules(methods=frozenset({"GET"}), paths=("/x",)), frozenset({"path", "method"})).none
    assert facts(Act.CALL, rules(arguments={"a": frozenset()}), frozenset({"arguments"})).none


def test_of_paths_it_is_which_of_those_named_they_are_under() -> None:
    found = facts(Act.CALL, rules(paths=("/x/", "/y")))
    assert found.of(call("GET", "/x/1"), 0.0) == found.of(call("PUT", "/x/2"), 0.0)
    assert found.of(call("GET", "/x/1"), 0.0) != found.of(call("GET", "/z"), 0.0)
    exactly = facts(Act.CALL, rules(paths=("/x/", "/y")), frozenset({"path"}))
    assert exactly.of(call("GET", "/x/1"), 0.0) != exactly.of(call("GET", "/x/2"), 0.0)


def test_of_methods_it_is_the_method_where_some_are_named() -> None:
    found = facts(Act.CALL, rules(methods=frozenset({"GET"})))
    assert found.of(call("GET", "/x"), 0.0) == found.of(call("GET", "/y"), 0.0)
    assert found.of(call("GET", "/x"), 0.0) != found.of(call("PUT", "/x"), 0.0)


def test_of_arguments_it_is_whether_they_will_do() -> None:
    found = facts(Act.TOOL, rules(arguments={"city": frozenset({"Berlin", "Paris"})}))
    assert found.of(tool(city="Berlin", text="a"), 0.0) == found.of(tool(city="Paris"), 0.0)
    assert found.of(tool(city="Rome"), 0.0) == found.of(tool(), 0.0) != found.of(tool(city="Paris"), 0.0)
    assert found.of(Access(None, act=Act.TOOL, tool="t/x"), 0.0) not in (
        found.of(tool(), 0.0),
        found.of(tool(city="Paris"), 0.0),
    )


def test_where_a_policy_looks_at_the_arguments_themselves_nothing_is_remembered_of_a_call() -> None:
    found = facts(Act.TOOL, rules(), frozenset({"arguments"}))
    assert found.of(tool(city="Berlin"), 0.0) is NEVER
    assert found.of(Access(None, act=Act.TOOL, tool="t/x"), 0.0) is not NEVER


def test_of_the_time_it_is_which_hours_it_is() -> None:
    found = facts(Act.CALL, rules(hours=(Hours.parse("12:00-13:00"), Hours.parse("12:30-14:00"))))
    assert found.held(NOON) == {str(Hours.parse("12:00-13:00"))}
    times = [0.0, 59.0, 1800.0, 3599.0, 3600.0, 7200.0]
    of = [found.of(call("GET", "/"), NOON + time) for time in times]
    assert of[0] == of[1] != of[2] == of[3] != of[4] != of[5]
    assert found.held(NOON + 7200) == frozenset()


def test_where_a_policy_looks_at_the_time_itself_it_is_the_minute() -> None:
    found = facts(Act.CALL, rules(), frozenset({"now"}))
    assert (
        found.of(call("GET", "/"), NOON)
        == found.of(call("GET", "/"), NOON + 59)
        != found.of(call("GET", "/"), NOON + 60)
    )
