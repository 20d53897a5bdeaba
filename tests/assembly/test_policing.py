"""``sidecar policy``: what capabilities compile to, expectations, proposals."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from sidecar.assembly import policing
from sidecar.settings import Problems, Settings
from tests.assembly.policed import NIGHT, NOON, TEXT, configured


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return configured(tmp_path)


# what they compile to


def test_each_policy_is_printed_with_what_it_comes_from(settings: Settings) -> None:
    said = policing.printed(settings)
    text = "\n".join(said.lines)
    assert said.lines[0] == "// inbound.who"
    assert '// capabilities.think\n@capability("think")\npermit (' in text
    assert {each["capability"] for each in said.json["policies"]} == {"inbound.who", *settings.capabilities}
    assert all(each["policy"] in text + "\n" for each in said.json["policies"])
    assert {act for each in said.json["policies"] for act in each["acts"]} == {
        *("enter", "call", "credential", "converse", "tool"),
    }


def test_where_nothing_is_declared_nothing_is_allowed_outward(tmp_path: Path) -> None:
    said = policing.printed(configured(tmp_path, TEXT.partition("capabilities:")[0]))
    assert said.lines[0] == "// nothing is declared under capabilities: nothing is allowed outward"
    assert said.lines[2] == "// inbound.who"
    assert [each["capability"] for each in said.json["policies"]] == ["inbound.who"]


def test_policies_of_ones_own_are_printed_beside(tmp_path: Path) -> None:
    own = tmp_path / "own.cedar"
    own.write_text('forbid (principal, action == Action::"call", resource == Route::"model");\n')
    said = policing.printed(configured(tmp_path, TEXT + "policy: {files: [own.cedar]}\n"))
    assert said.lines[-2:] == [f"// {own}", own.read_text().strip()]
    assert said.json["files"] == {str(own): own.read_text().strip()}


# expectations

EXPECTATIONS = """\
principals:
  alice: {issuer: okta, claims: {uid: alice, groups: [sales]}}
cases:
  - {principal: alice, route: calendar, expect: allow, capability: read}
  - {principal: alice, tool: desk/open_door, expect: deny, failed: hours}
  - {principal: alice, tool: desk/open_door, at: "2026-11-24T03:00:00Z", expect: allow}
  - {principal: alice, tool: desk/book_room, arguments: {floor: 2}, expect: allow}
  - {principal: agent, provider: key, expect: deny, failed: hand_out}
"""


def test_expectations_that_hold_are_one_line(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "expectations.yaml"
    file.write_text(EXPECTATIONS)
    said = policing.tested(settings, file, NOON)
    assert said.lines == [f"{file}: 5 cases, all as expected"]
    assert said.well
    assert not policing.tested(settings, file, NIGHT).well  # the second case depends on the time


def test_one_that_does_not_hold_says_in_what(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "expectations.yaml"
    file.write_text(
        EXPECTATIONS
        + '  - {name: "ops, too", principal: {issuer: okta, claims: {uid: bob, groups: [ops]}}, route: calendar,'
        + " expect: allow}\n"
        + "  - {principal: agent, route: model, method: POST, expect: deny}\n"
    )
    said = policing.tested(settings, file, NOON)
    assert said.lines == [
        f"{file}:9  ops, too",
        "    expected allow, got deny",
        "    asked: GET / by the route calendar",
        "    read needs group sales; bob has ops (who.groups: none of sales)",
        f"{file}:10  agent: POST / by the route model",
        "    expected deny, got allow by think",
        f"{file}: 7 cases, 2 not as expected",
    ]
    assert not said.well
    assert said.json["wrong"] == 2
    assert said.json["cases"][5] == {
        "name": "ops, too",
        "line": 9,
        "expect": "allow",
        "got": "deny",
        "capability": "read",
        "failed": ["who.groups: none of sales"],
        "differs": "expected allow, got deny",
    }


def test_the_shadow_mode_changes_no_expectation(tmp_path: Path) -> None:
    file = tmp_path / "expectations.yaml"
    file.write_text("- {principal: {issuer: okta, claims: {uid: bob}}, route: calendar, expect: deny}\n")
    assert policing.tested(configured(tmp_path, TEXT + "policy: {mode: shadow}\n"), file, NOON).well


def test_a_file_with_something_wrong_is_no_answer(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "expectations.yaml"
    file.write_text("- {principal: agent, route: calender, expect: deny}\n")
    with pytest.raises(Problems, match='Did you mean "calendar"'):
        policing.tested(settings, file, NOON)


# proposals


def line(name: str, **attributes: Any) -> bytes:
    said = {f"identity.{key.replace('__', '.')}": value for key, value in attributes.items()}
    return json.dumps({"seq": 1, "name": f"identity.{name}", "attributes": said}).encode() + b"\n"


def log(*lines: bytes) -> Iterable[bytes]:
    who = {"principal__id": "h_a", "principal__issuer": "okta", "principal__kind": "user"}
    yield line("init", **who, principal__groups=["sales"])
    yield line("credential_attached", **who, route="calendar", provider="google", scopes=["read"], capability="read")
    yield line("credential_attached", **who, route="travel", capability="travel")
    yield line("tool_called", **who, tool="travel/list_trips", capability="travel")
    yield from lines


EXPECTED = {
    "read": {
        "who": "any",
        "provider": "google",
        "scopes": ["read"],
        "routes": ["calendar"],
        "tools": ["travel/list_trips"],
    }
}


def test_the_audit_log_in_the_state_folder_is_read_with_what_was_rotated(tmp_path: Path) -> None:
    audit = tmp_path / "state" / "audit"
    audit.mkdir(parents=True)
    first, *rest = log(b'{"torn', b"\n7\n")
    (audit / "events-1.jsonl").write_bytes(first)
    (audit / "events.jsonl").write_bytes(b"".join(rest))
    said = policing.proposed(configured(tmp_path, TEXT + "state: {dir: state}\n"), None)
    assert said.json["capabilities"] == EXPECTED
    assert said.lines[0] == "# for 2 events of 1 principals"
    assert yaml.safe_load("\n".join(said.lines)) == {"capabilities": EXPECTED}


def test_another_log_may_be_read(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"".join(log()))
    assert policing.proposed(settings, file).json["capabilities"] == EXPECTED


def test_what_was_proposed_can_be_pasted(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    agents = {"principal__kind": "agent"}
    file.write_bytes(
        b"".join(
            [
                line("credential_attached", **agents, route="model", provider="key", capability="think"),
                line("token_vended", **agents, provider="cloud", scopes=[], capability="cloud"),
                line("tool_called", **agents, tool="desk/book_room"),
            ]
        )
    )
    text = "\n".join(policing.proposed(settings, file).lines)
    pasted = configured(tmp_path, TEXT.partition("capabilities:")[0] + text)
    assert set(pasted.capabilities) == {"think", "cloud"}
    assert pasted.capabilities["think"].routes == {"model"}


def test_nothing_recorded_proposes_nothing(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"")
    assert policing.proposed(settings, file).lines[1] == "# nothing was called that a capability could allow"
    with pytest.raises(FileNotFoundError):
        policing.proposed(settings, tmp_path / "none")
