"""``sidecar explain``, asked as at the command line."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from sidecar.assembly.judge import Said
from sidecar.assembly.questions import Unusable, answer
from sidecar.settings import Settings
from tests.assembly.policed import NOON, TEXT, configured
from tests.minting import Signer
from tests.minting import signer as minted

OPTIONS = ("claims", "token", "agent", "table", "issuer", "route", "method", "path", "provider", "scope", "tool")
ISS = "https://acme.okta.com/oauth2/default"
ALICE = {"iss": ISS, "uid": "alice", "cid": "app", "groups": ["eng", "ops"]}
READONLY = "https://www.googleapis.com/auth/calendar.readonly"
SALES = {**ALICE, "groups": ["sales"]}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return configured(tmp_path)


def ask(settings: Settings, claims: dict[str, Any] | None = None, **options: Any) -> Said:
    wanted = dict.fromkeys((*OPTIONS, "arguments", "at")) | {"agent": False, "table": False} | options
    if claims is not None:
        wanted["claims"] = "-"
    return answer(settings, wanted, io.BytesIO(json.dumps(claims).encode()), NOON)


def test_a_denial_is_told_condition_by_condition(settings: Settings) -> None:
    said = ask(settings, ALICE, route="calendar", method="put")
    assert said.lines == [
        "alice: PUT / by the route calendar: denied; nearest is read, which",
        "  needs group sales; alice has eng, ops",
        "  allows GET; the call is PUT",
    ]
    assert not said.well
    assert said.json["failed"][0] == {
        "condition": "who.groups: none of sales",
        "words": "needs group sales; alice has eng, ops",
    }
    assert (said.json["allowed"], said.json["capability"]) == (False, "read")


def test_what_is_allowed_names_the_capability_and_what_else_it_takes(settings: Settings) -> None:
    said = ask(settings, SALES, route="calendar", path="/v3/events")
    assert said.lines == [
        "alice: GET /v3/events by the route calendar: allowed by read",
        "note: alice has to agree first, at google",
    ]
    assert said.well
    assert said.json["principal"]["groups"] == ["sales"]


@pytest.mark.parametrize(
    ("options", "begins", "well"),
    [
        ({"provider": "google", "scope": ["calendar.readonly"]}, "alice: have the credential of google with", True),
        ({"provider": "google", "scope": ["calendar"]}, "alice: have the credential of google with", False),
        ({"tool": "desk/book_room"}, "alice: see the tool desk/book_room: allowed by travel", True),
        ({"tool": "list_trips"}, "alice: see the tool travel/list_trips: allowed by travel", True),
        ({"tool": "desk/book_room", "arguments": '{"floor": 3}'}, "alice: call the tool desk/book_room: denied", False),
        ({"tool": "desk/open_door"}, "alice: see the tool desk/open_door: denied", False),
        (
            {"tool": "desk/open_door", "at": "2026-11-24T03:00:00+01:00"},
            "alice: see the tool desk/open_door: all",
            True,
        ),
        ({"tool": "desk/open_door", "at": "2026-11-24T03:00"}, "alice: see the tool desk/open_door: allowed", True),
    ],
)
def test_every_sort_of_question_has_its_answer(
    settings: Settings, options: dict[str, Any], begins: str, well: bool
) -> None:
    said = ask(settings, SALES, **options)
    assert said.lines[0].startswith(begins)
    assert said.well == well


def test_the_agents_own_calls_are_asked_about_as_well(settings: Settings) -> None:
    assert ask(settings, agent=True, route="model", method="POST").lines == [
        "the agent: POST / by the route model: allowed by think"
    ]
    said = ask(settings, agent=True, provider="key")
    assert said.lines[-1] == "  key is attach-only: hand_out is not true"
    assert said.json["principal"] == "agent"


def test_without_a_question_everything_is_told(settings: Settings) -> None:
    said = ask(settings, SALES)
    assert said.lines[0].startswith("alice, a user of okta: p_")
    assert said.lines[1:] == [
        "may call the agent: yes",
        "routes:",
        "  calendar  yes, by read (GET); alice has to agree first, at google",
        "  model     yes, by think",
        "  travel    its tools alone, by travel",
        "credentials that are handed out:",
        f"  google  yes, by token: {READONLY}; alice has to agree first, at google",
        "  cloud   yes, by cloud",
        "tools:",
        "  desk/book_room",
        "  travel/list_*",
    ]
    assert said.json["tools"] == ["desk/book_room", "travel/list_*"]
    denied = ask(settings, ALICE).lines
    assert "  calendar  no: read needs group sales; alice has eng, ops" in denied
    agent = ask(settings, agent=True).lines
    assert agent[0] == "the agent, for itself"
    assert "  calendar  no: google acts for principals, and the agent is none (and 1 more)" in agent


def test_who_may_not_call_the_agent_is_told_so_first(settings: Settings) -> None:
    said = ask(settings, {**ALICE, "groups": ["guests"]})
    assert said.lines[1] == "may call the agent: no: inbound.who is not for group guests; alice is"
    assert not said.well


def test_the_table_takes_nobody(settings: Settings) -> None:
    said = ask(settings, table=True)
    assert said.lines[0].split() == ["capability", "who", "opens", "when"]
    assert said.lines[1].startswith("read        group sales ")
    assert {"capability", "who", "opens", "when"} == set(said.json[0])


def test_nothing_declared_is_said(tmp_path: Path) -> None:
    settings = configured(tmp_path, TEXT.partition("capabilities:")[0])
    assert ask(settings, table=True).lines == ["nothing is declared under capabilities: nothing is allowed outward"]
    assert ask(settings, ALICE, route="calendar").lines[1] == (
        "  nothing is declared under capabilities: nothing is allowed outward"
    )


def test_the_shadow_mode_is_told(tmp_path: Path) -> None:
    settings = configured(tmp_path, TEXT + "policy: {mode: shadow}\n")
    said = ask(settings, ALICE, route="calendar")
    assert "denied (let through, and recorded: policy.mode is shadow)" in said.lines[0]
    assert said.well
    assert "no (let through: policy.mode is shadow): read needs" in "\n".join(ask(settings, ALICE).lines)


@pytest.fixture(scope="module")
def signer() -> Signer:
    return minted("ES256")


def test_a_token_is_read_as_at_the_front_door_but_for_its_signature(
    settings: Settings, signer: Signer, tmp_path: Path
) -> None:
    claims = {**SALES, "sub": "alice@acme.example", "aud": "travel", "iat": NOON - 60, "exp": NOON + 60, "scp": ["x"]}
    file = tmp_path / "token"
    file.write_bytes(signer.mint(claims) + b"\n")
    said = ask(settings, token=str(file), route="calendar")
    assert said.well
    assert said.lines[-1].startswith("note: the token's signature was not verified")
    assert said.json["signature"] == "not verified"
    file.write_bytes(signer.mint({**claims, "exp": NOON - 60, "aud": "other"}))
    said = ask(settings, token=str(file), route="calendar")
    objections = [each["code"] for each in said.json["objections"]]
    assert (said.well, objections) == (True, ["token_expired", "audience_invalid"])
    assert "note: the front door would refuse it all the same: token_expired (exp has passed)" in said.lines
    file.write_bytes(b"not a token")
    said = ask(settings, token=str(file))
    assert (said.well, said.json["refused"]["code"]) == (False, "token_malformed")
    assert "not a token" not in "\n".join(said.lines)


def test_claims_of_a_whole_token_are_looked_at_as_one(settings: Settings) -> None:
    assert ask(settings, {**SALES, "exp": NOON - 99, "aud": "travel"}).json["objections"][0]["code"] == "token_expired"
    assert "objections" not in ask(settings, SALES).json


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"iss": "https://evil.example"}, "issuer_unknown"),
        ({"iss": ISS}, "claim_missing"),
        ({"iss": ISS, "sub": "a"}, "token_kind_invalid"),
    ],
)
def test_claims_that_are_nobodys_are_refused(settings: Settings, claims: dict[str, Any], code: str) -> None:
    said = ask(settings, claims)
    assert (said.well, said.json["refused"]["code"]) == (False, code)
    assert said.lines[0].startswith(f"denied: the front door refuses it: {code} (")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "say who: "),
        ({"agent": True, "route": "calender"}, '"calender" is not a route. Did you mean "calendar"?'),
        ({"agent": True, "method": "GET"}, "--method means nothing without --route"),
        ({"agent": True, "scope": ["a"]}, "--scope means nothing without --provider"),
        ({"agent": True, "issuer": "okta"}, "--issuer means nothing without --claims"),
        ({"agent": True, "tool": "list_trips", "arguments": "[]"}, "--arguments can't be read (not a JSON object)"),
        ({"agent": True, "at": "noon"}, "--at is not a time"),
        ({"token": "/nowhere"}, "/nowhere can't be read: No such file"),
        ({"whose": {}, "issuer": "okt"}, '"okt" is not an issuer. Did you mean "okta"?'),
    ],
)
def test_what_cannot_be_asked_is_told_with_what_can(settings: Settings, options: dict[str, Any], says: str) -> None:
    with pytest.raises(Unusable) as unusable:
        ask(settings, options.get("whose"), **options)
    assert str(unusable.value).startswith(says)


def test_claims_that_are_no_json_are_told(settings: Settings) -> None:
    wanted = dict.fromkeys((*OPTIONS, "arguments", "at")) | {"claims": "-"}
    for text in (b"", b"[]", b'{"a": 1, "a": 2}', b"\xff"):
        with pytest.raises(Unusable, match="the claims can't be read"):
            answer(settings, wanted, io.BytesIO(text), NOON)
