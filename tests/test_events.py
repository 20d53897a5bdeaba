"""Events: one JSON object whatever comes, bounded, with nobody's email or credential in it, and documented."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.events import (
    MOST,
    MOST_METHOD,
    MOST_PATH,
    Attribute,
    Event,
    Name,
    Template,
    Value,
    clean_method,
    clean_path,
    clean_tool,
    rejected,
)
from tests.fuzzing import examples

ROOT = Path(__file__).parent.parent
TIME = 1_795_516_435_607_934_751
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PRINCIPAL: dict[str, Value] = {
    Attribute.PRINCIPAL_ID: "h_" + "a" * 32,
    Attribute.PRINCIPAL_ISSUER: "100 % okta",
    Attribute.PRINCIPAL_KIND: "user",
}
VALUES = st.one_of(st.text(), st.integers(), st.booleans(), st.lists(st.text(), max_size=90).map(tuple))


def read(event: bytes) -> dict[str, Any]:
    """The event, which every reader of lines and of JSON must understand."""
    assert len(event) <= MOST
    assert event.isascii()
    assert b"\n" not in event
    assert event.startswith(b'{"time_ns":')
    members: dict[str, Any] = json.loads(event)
    assert list(members) == ["time_ns", "name", "trace_id", "span_id", "attributes"]
    json.dumps(members, ensure_ascii=False).encode()  # no lone surrogate
    return members


def fill(method: bytes = b"GET", path: bytes = b"/v1/trips", invocation: bytes = b"inv1") -> dict[str, Any]:
    template = Template(Name.INIT, PRINCIPAL)
    return read(template.fill(TIME, TRACE.encode(), SPAN.encode(), invocation, method, path))


def test_an_event_is_one_json_object() -> None:
    attributes: dict[str, Value] = {"identity.tool": "a/b", "identity.count": 3, "identity.scopes": ("é", '"')}
    assert read(Event(Name.INIT, TIME, TRACE, SPAN, attributes).encode()) == {
        "time_ns": TIME,
        "name": "identity.init",
        "trace_id": TRACE,
        "span_id": SPAN,
        "attributes": {"identity.tool": "a/b", "identity.count": 3, "identity.scopes": ["é", '"']},
    }
    assert read(Event(Name.INIT, 0, "", "", {}).encode())["attributes"] == {}


def test_a_template_gives_the_event_that_encode_gives() -> None:
    attributes: dict[str, Value] = {
        **PRINCIPAL,
        Attribute.INVOCATION_ID: "inv1",
        Attribute.METHOD: "GET",
        Attribute.PATH: "/v1/trips",
    }
    assert fill() == read(Event(Name.INIT, TIME, TRACE, SPAN, attributes).encode())


def test_a_template_without_an_invocation_leaves_it_out() -> None:
    assert Attribute.INVOCATION_ID not in fill(invocation=b"")["attributes"]
    template = Template(Name.INIT, {})
    event = read(template.fill(TIME, TRACE.encode(), SPAN.encode(), b"", b"GET", b"/"))
    assert event["attributes"] == {"http.request.method": "GET", "url.path": "/"}


def test_long_values_are_cut_and_the_last_attributes_left_out() -> None:
    attributes: dict[str, Value] = {f"identity.{number}": "x" * 5000 for number in range(9)}
    found = read(Event(Name.INIT, TIME, TRACE, SPAN, attributes).encode())["attributes"]
    assert found.pop("identity.truncated") is True
    assert list(found) == [f"identity.{number}" for number in range(len(found))]
    assert len(found) > 2
    assert all(value.endswith("x…") and len(value) > 500 for value in found.values())
    template = Template(Name.INIT, attributes)
    filled = read(template.fill(TIME, TRACE.encode(), SPAN.encode(), b"inv1", b"GET", b"/v1/trips"))["attributes"]
    assert filled["identity.truncated"] is True
    assert filled["url.path"] == "/v1/trips"


def test_an_event_of_nothing_but_too_much_still_says_so() -> None:
    found = read(Event(Name.INIT, TIME, TRACE, SPAN, {"x" * 5000: 1}).encode())
    assert found["attributes"] == {"identity.truncated": True}


def test_long_lists_are_cut() -> None:
    found = read(Event(Name.INIT, TIME, TRACE, SPAN, {"identity.scopes": ("x" * 100,) * 70}).encode())
    assert found["attributes"]["identity.scopes"] == ["x" * 100] * 9


@examples(60)
@given(st.dictionaries(st.text(max_size=60), VALUES, max_size=40), st.text(), st.text())
def test_whatever_its_attributes_an_event_is_bounded_json(attributes: dict[str, Value], trace: str, span: str) -> None:
    read(Event(Name.INIT, TIME, trace, span, attributes).encode())
    read(Template(Name.INIT, attributes).fill(TIME, b"a" * 32, b"b" * 16, b"c" * 64, b"M" * 90, b'/"' * 900))


@pytest.mark.parametrize(
    ("path", "written"),
    [
        (b"/", b"/"),
        (b"//a/./b;x=1,2:3", b"//a/./b;x=1,2:3"),
        (b"", b""),
        (b"*", b"*"),
        (b"/a?token=x", b"/a"),
        (b"/a#b", b"/a"),
        (b"/%7Euser", b"/%7Euser"),
        (b'/a"b\\c', b"/a%22b%5Cc"),
        (b"/\xc3\xa9 \x00\x7f\n", b"/%C3%A9%20%00%7F%0A"),
        (b"/users/alice@example.org/trips", b"/users/{email}/trips"),
        (b"/users/alice%40example.org", b"/users/{email}"),
        (b"/users/alice%252540example.org", b"/users/{email}"),
        (b"/to/ih_" + b"a" * 43, b"/to/{credential}"),
        (b"/to/x-ag_" + b"A-" * 20 + b"/z", b"/to/x-{credential}/z"),
        (b"/eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl", b"/{credential}"),
        (b"/" + b"a" * 40, b"/" + b"a" * 40),
        (b"/" + b"a" * 64, b"/" + b"a" * 64),
        (b"/a" * 200, b"/a" * 126 + b"/..."),
        (b"/" + b"\xff" * 200, b"/" + b"%FF" * 84 + b"..."),
        (b"/a" * 4000 + b"@", b"/a" * 126 + b"/..."),
    ],
)
def test_a_path_is_written_without_what_does_not_belong_there(path: bytes, written: bytes) -> None:
    assert clean_path(path) == written
    assert fill(path=path)["attributes"]["url.path"] == written.decode()
    event = rejected(TIME, b"", b"", "bad_request", "", 400, b"GET", path)
    assert read(event)["attributes"]["url.path"] == written.decode()


@pytest.mark.parametrize(
    ("tool", "written"),
    [
        ("travel/list_events", "travel/list_events"),
        ("travel/a b", "travel/a%20b"),
        ("travel/alice@example.com", "travel/{email}"),
        ("desk/ih_" + "a" * 43, "desk/{credential}"),
        ("desk/é\n", "desk/%C3%A9%0A"),
        ("desk/\ud800", "desk/"),
        ("", ""),
    ],
)
def test_a_tools_name_is_written_as_a_path_is(tool: str, written: str) -> None:
    assert clean_tool(tool) == written


def test_the_short_way_writes_what_the_long_way_would() -> None:
    for path in (b"/", b"/v1/trips/42", b"/a-b_c.d~e!$&'()*+,;=:/", b"/" + b"a" * 40):
        assert clean_path(path) == path


@examples(60)
@given(st.binary(max_size=600) | st.text("/.a-%@").map(str.encode), st.binary(max_size=60))
def test_whatever_path_and_method_an_event_is_bounded_json(path: bytes, method: bytes) -> None:
    attributes = fill(method, path)["attributes"]
    assert len(attributes["url.path"]) <= MOST_PATH
    assert len(attributes["http.request.method"]) <= MOST_METHOD
    assert "@" not in attributes["url.path"]
    refused = read(rejected(TIME, b"a" * 32, b"b" * 16, "bad_request", "", 400, method, path))["attributes"]
    assert refused["url.path"] == attributes["url.path"]


@pytest.mark.parametrize(
    ("method", "written"),
    [
        (b"GET", b"GET"),
        (b"PROPFIND", b"PROPFIND"),
        (b'G"T\\', b"G?T?"),
        (b"A" * 40, b"A" * 32),
        (b"", b""),
        (b"\xc3\n", b"??"),
    ],
)
def test_a_method_is_a_token(method: bytes, written: bytes) -> None:
    assert clean_method(method) == written
    assert fill(method)["attributes"]["http.request.method"] == written.decode()


def test_a_rejection_says_its_code_and_its_reason() -> None:
    event = rejected(TIME, TRACE.encode(), SPAN.encode(), "token_expired", 'it "expired"', 401, b"GET", b"/a")
    assert read(event) == {
        "time_ns": TIME,
        "name": "identity.rejected",
        "trace_id": TRACE,
        "span_id": SPAN,
        "attributes": {
            "identity.outcome": "refused",
            "error.type": "token_expired",
            "identity.reason": 'token_expired: it "expired"',
            "http.response.status_code": 401,
            "http.request.method": "GET",
            "url.path": "/a",
        },
    }


@examples(60)
@given(st.text(), st.text(max_size=9000))
def test_whatever_code_and_reason_a_rejection_is_bounded_json(code: str, reason: str) -> None:
    read(rejected(TIME, b"a" * 32, b"b" * 16, code, reason, 401, b"GET", b"/"))


@pytest.mark.parametrize("reason", ["", "bad_request"])
def test_a_reason_that_says_no_more_than_the_code_is_not_repeated(reason: str) -> None:
    event = read(rejected(TIME, b"", b"", "bad_request", reason, 400, b"GET", b"/"))
    assert event["attributes"]["identity.reason"] == "bad_request"


def first_column(heading: str) -> set[str]:
    """The names in a section's tables."""
    text = (ROOT / "docs/reference/events.md").read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))


def test_the_reference_names_every_event_and_attribute_and_no_other() -> None:
    assert first_column("Events") == set(Name)
    assert first_column("Attributes") == set(Attribute)


def test_no_code_names_an_attribute_that_is_not_in_the_catalogue() -> None:
    spoken = re.compile(r"""["'](identity\.[a-z_.]+[a-z_]|user\.[a-z]+|url\.path)["']""")
    others = {  # of the same beginning, and no event's attribute
        "aws/session.py": {
            f"identity.{key}" for key in ("agent", "principal", "invocation", "kind", "issuer", "tenant")
        },
        "invocation/carrier.py": {"identity.invocation"},
    }
    for path in (ROOT / "sidecar").rglob("*.py"):
        known = {*Attribute, *Name} | others.get(str(path.relative_to(ROOT / "sidecar")), set())
        assert set(spoken.findall(path.read_text())) <= known, path
