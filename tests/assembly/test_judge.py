"""What would become of an access: the decision, and whatever else the doors look at."""

from pathlib import Path

import pytest

from sidecar.assembly.judge import Judge
from sidecar.identity.principal import Principal
from sidecar.policy.expectations import Verdict
from sidecar.settings import asked
from tests.assembly.policed import NIGHT, NOON, TEXT, configured


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    return Judge.of(configured(tmp_path))


def okta(judge: Judge, *groups: str) -> Principal:
    return asked.principal(judge.settings, {"uid": "alice", "groups": [*groups]}, "okta")


def nightly(judge: Judge) -> Principal:
    return asked.principal(judge.settings, {"sub": "build", "groups": ["sales"]}, "nightly")


def against(verdict: Verdict) -> list[str]:
    return [failure.condition.partition(":")[0] for failure in verdict.against]


def test_who_may_not_call_the_agent_may_nothing(judge: Judge) -> None:
    guest = okta(judge, "guests", "sales")
    entering = judge.verdict(asked.entering(guest), NOON)
    assert (entering.allowed, entering.capability, against(entering)) == (False, "inbound.who", ["inbound.who.not[0]"])
    assert judge.verdict(asked.call(judge.settings, guest, "calendar"), NOON) == entering
    assert judge.verdict(asked.entering(okta(judge)), NOON) == Verdict(True, "inbound.who")


def test_what_a_capability_allows_takes_the_users_consent_where_it_is_theirs_to_give(judge: Judge) -> None:
    verdict = judge.verdict(asked.call(judge.settings, okta(judge, "sales"), "calendar"), NOON)
    assert verdict == Verdict(True, "read", notes=("alice has to agree first, at google",))


def test_nobody_but_a_user_gives_consent(judge: Judge) -> None:
    verdict = judge.verdict(asked.call(judge.settings, nightly(judge), "calendar"), NOON)
    assert (verdict.allowed, verdict.capability, against(verdict)) == (False, "read", ["consent"])


@pytest.mark.parametrize(
    ("route", "method", "allowed", "hurdles"),
    [
        ("model", "POST", True, []),
        ("model", "GET", False, ["route"]),
        ("calendar", "GET", False, ["acts_as", "who.groups"]),
    ],
)
def test_what_the_agent_does_for_itself(
    judge: Judge, route: str, method: str, allowed: bool, hurdles: list[str]
) -> None:
    verdict = judge.verdict(asked.call(judge.settings, None, route, method), NOON)
    assert (verdict.allowed, against(verdict)) == (allowed, hurdles)


def test_an_agent_without_a_handle_calls_what_is_unattended(tmp_path: Path) -> None:
    judge = Judge.of(configured(tmp_path, TEXT.replace("agent: {", 'agent: {token: "off", ')))
    assert judge.verdict(asked.call(judge.settings, None, "model", "POST"), NOON).allowed
    assert against(judge.verdict(asked.credential(judge.settings, None, "cloud"), NOON)) == ["agent.token"]


def test_what_is_attach_only_is_handed_to_nobody(judge: Judge) -> None:
    verdict = judge.verdict(asked.credential(judge.settings, None, "key"), NOON)
    assert against(verdict)[0] == "hand_out"
    assert judge.verdict(asked.credential(judge.settings, None, "cloud"), NOON).allowed


def test_tools_are_decided_with_their_arguments_and_at_their_time(judge: Judge) -> None:
    alice = okta(judge, "sales")

    def verdict(name: str, now: float = NOON, **arguments: str) -> Verdict:
        return judge.verdict(asked.tool(judge.settings, alice, name, arguments or None), now)

    assert verdict("travel/list_trips").allowed
    assert verdict("desk/book_room", floor="1").allowed
    assert against(verdict("desk/book_room", floor="3")) == ["arguments.floor"]
    assert against(verdict("travel/book")) == ["tools"]
    assert (verdict("desk/open_door").allowed, verdict("desk/open_door", NIGHT).allowed) == (False, True)


def test_the_shadow_mode_lets_through_what_only_capabilities_refuse(tmp_path: Path) -> None:
    judge = Judge.of(configured(tmp_path, TEXT + "policy: {mode: shadow}\n"))
    settings = judge.settings
    verdict = judge.verdict(asked.call(settings, okta(judge, "eng"), "calendar"), NOON)
    assert (verdict.allowed, verdict.shadow, against(verdict)) == (False, True, ["who.groups"])
    verdict = judge.verdict(asked.credential(settings, None, "key"), NOON)
    assert (verdict.allowed, verdict.shadow) == (False, False)
