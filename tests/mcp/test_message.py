import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.mcp.message import NAME, Kind, Message, read

CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "book", "arguments": {"city": "Rome"}}}


def body(message: object) -> bytes:
    return json.dumps(message).encode()


def changed(**members: Any) -> bytes:
    return body({**CALL, **members})


def called(**params: Any) -> bytes:
    return body({**CALL, "params": {**CALL["params"], **params}})  # type: ignore[dict-item]  # it is a dict


def test_a_call_is_read() -> None:
    message = read(body(CALL))
    assert (message.kind, message.method, message.id) == (Kind.REQUEST, "tools/call", 1)
    assert message.named("name") == "book"
    assert message.arguments == {"city": "Rome"}
    assert message.plain == body(CALL)


def test_without_an_id_it_is_a_notification() -> None:
    message = read(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
    assert (message.kind, message.params, message.arguments) == (Kind.NOTIFICATION, {}, {})


@pytest.mark.parametrize("end", [b'"result":{}', b'"error":{"code":-1,"message":""}'])
def test_without_a_method_it_is_a_response(end: bytes) -> None:
    message = read(b'{"jsonrpc":"2.0","id":"s-1",%b}' % end)
    assert (message.kind, message.method, message.id) == (Kind.RESPONSE, "", "s-1")


def test_what_the_newer_era_says_in_each_request_is_read() -> None:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"url": {}}},
    }
    message = read(called(_meta=meta))
    assert message.version == "2026-07-28"
    assert message.opens_urls


@pytest.mark.parametrize(
    "capabilities", [None, [], {}, {"elicitation": {}}, {"elicitation": {"form": {}}}, {"elicitation": {"url": True}}]
)
def test_only_who_says_so_opens_urls(capabilities: object) -> None:
    assert not read(called(_meta={"io.modelcontextprotocol/clientCapabilities": capabilities})).opens_urls
    assert read(body(CALL)).version is None


UNREADABLE: dict[str, bytes] = {
    "nothing": b"",
    "white space": b"  \n",
    "a batch": body([CALL]),
    "an empty batch": b"[]",
    "a batch behind white space": b" \n" + body([CALL]),
    "a string": b'"tools/call"',
    "null": b"null",
    "trailing garbage": body(CALL) + b"x",
    "two messages": body(CALL) + b"\n" + body(CALL),
    "a NUL behind it": body(CALL) + b"\0",
    "a byte order mark": b"\xef\xbb\xbf" + body(CALL),
    "UTF-16": json.dumps(CALL).encode("utf-16"),
    "UTF-16 without a mark": json.dumps(CALL).encode("utf-16-le"),
    "UTF-32": json.dumps(CALL).encode("utf-32-be"),
    "Latin-1": body(CALL).replace(b"Rome", b"R\xf4me"),
    "overlong UTF-8": body(CALL).replace(b"book", b"b\xc1\xafok"),
    "a surrogate in UTF-8": body(CALL).replace(b"book", b"\xed\xa0\x80"),
    "a method twice": b'{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}',
    "a method twice, once escaped": b'{"jsonrpc":"2.0","id":1,"method":"ping","m\\u0065thod":"tools/call"}',
    "a name twice": b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b"}}',
    "params twice": b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"},"params":{"name":"b"}}',
    "a member twice, deep down": called(arguments={"x": 0}).replace(b'"x": 0', b'"x": [{"y": {"z": 1, "z": 2}}]'),
    "another case of a known member": b'{"jsonrpc":"2.0","id":1,"Method":"tools/call","method":"ping"}',
    "another case alone": b'{"jsonrpc":"2.0","id":1,"METHOD":"tools/call"}',
    "another case of params": changed(Params={"name": "other"}),
    "another case of a name": called(Name="other"),
    "the Kelvin sign for k": changed(params={"tas\u212a": {}}),
    "the long s for s": changed(params={"argument\u017f": {"city": "Paris"}}),
    "NUL behind a name": called(**{"name\0": "other"}),
    "NUL behind a member": changed(**{"method\0": "ping"}),
    "half a pair of surrogates": called(name="x").replace(b'"x"', b'"\\ud800"'),
    "the other half": called(name="x").replace(b'"x"', b'"\\uDC00"'),
    "half a pair, deep down": called(arguments={"x": ["y"]}).replace(b'"y"', b'"\\ud83d"'),
    "half a pair in a member's name": called(arguments={"x": 1}).replace(b'"x"', b'"\\udfff"'),
    "NaN": changed(id=1).replace(b'"id": 1', b'"id": NaN'),
    "infinity": called(arguments={"x": 1}).replace(b'"x": 1', b'"x": -Infinity'),
    "a comment": b"/**/" + body(CALL),
    "a trailing comma": body(CALL)[:-1] + b",}",
    "single quotes": body(CALL).replace(b'"', b"'"),
    "a raw newline in a string": body(CALL).replace(b"book", b"bo\nok"),
    "33 levels": called(arguments={"x": 0}).replace(b'"x": 0', b'"x": ' + b"[" * 31 + b"]" * 31),
    "no version": b'{"id":1,"method":"ping"}',
    "another version": changed(jsonrpc="1.0"),
    "a number for a version": changed(jsonrpc=2.0),
    "method isn't a string": changed(method=["tools/call"]),
    "method is null": changed(method=None),
    "params is a list": changed(params=["book"]),
    "params is null": changed(params=None),
    "_meta is a list": called(_meta=[]),
    "_meta with another case": called(_meta={"io.modelcontextprotocol/ProtocolVersion": "2025-11-25"}),
    "id is null": changed(id=None),
    "id is true": changed(id=True),
    "id is a fraction": changed(id=1.5),
    "id is an object": changed(id={}),
    "id is endless": changed(id="x" * 257),
    "a request and a response": changed(result={}),
    "a request and an error": changed(error={}),
    "a result and an error": b'{"jsonrpc":"2.0","id":1,"result":{},"error":{}}',
    "a response without an id": b'{"jsonrpc":"2.0","result":{}}',
    "neither": b'{"jsonrpc":"2.0","id":1}',
    "what JSON-RPC doesn't know": changed(extension={}),
}


@pytest.mark.parametrize("data", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_could_be_read_in_two_ways_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of many texts
        read(data)


@pytest.mark.parametrize("name", [None, 1, True, ["book"], {"name": "book"}, "", "book\0", "a\nb", "\x1bbook", "a\x7f"])
def test_what_is_no_name_names_nothing(name: object) -> None:
    message = read(called(name=name))
    with pytest.raises(ValueError, match="isn't a name"):
        message.named("name")
    with pytest.raises(ValueError, match="isn't a name"):
        Message(Kind.REQUEST).named("name")


@pytest.mark.parametrize(
    "arguments", [[], "x", 1, True, {"City": "a", "city": "b"}, {"city\0": "a"}, {"\u212aey": 1, "key": 2}], ids=repr
)
def test_arguments_of_two_readings_are_refused(arguments: object) -> None:
    message = read(called(arguments=arguments))
    with pytest.raises(ValueError, match="arguments"):
        _ = message.arguments


def test_no_arguments_are_empty_ones() -> None:
    assert read(called(arguments=None)).arguments == {}


@pytest.mark.parametrize("depth", [1, 20])
def test_data_may_differ_in_case(depth: int) -> None:
    data: Any = {"a": 1, "A": 2}
    for _ in range(depth):
        data = {"x": data}
    assert read(called(arguments={"data": data})).arguments == {"data": data}


def test_escapes_hide_nothing_from_whoever_looks_for_it() -> None:
    message = read(called(arguments={"x": "ih_0"}).replace(b"ih_", b"\\u0069\\u0068_"))
    assert b"ih_0" in message.plain
    assert read(called(arguments={"x": "\U0001f600"})).arguments == {"x": "\U0001f600"}


@pytest.mark.parametrize("name", ["book", "a/b", "list-events.v2", "büchen", "予約", "a b", "x" * 256])
def test_a_name_may_be_anything_that_can_be_seen(name: str) -> None:
    assert NAME(name)
    assert read(called(name=name)).named("name") == name


@pytest.mark.parametrize("name", ["", "a\0", "\n", "a\x7f", "\x85", "\ud800", "x" * 257])
def test_nothing_else_names_a_tool(name: str) -> None:
    assert not NAME(name)


@given(
    st.binary(max_size=200)
    | st.text().map(str.encode)
    | st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["jsonrpc", "id", "method", "params", "name"]) | st.text(), inner)
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_whatever_comes_is_read_or_refused(data: bytes) -> None:
    try:
        message = read(data)
    except ValueError:
        return
    assert json.loads(data)["jsonrpc"] == "2.0"
    assert isinstance(message.method, str)
