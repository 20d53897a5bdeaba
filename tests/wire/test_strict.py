"""One spelling, one meaning: base64url (RFC 7515, appendix C) and JSON."""

import base64
import json
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.wire.strict import MOST_DEPTH, base64url, base64url_encode, json_object
from tests.fuzzing import examples

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "data"),
    [
        (b"", b""),
        (b"A-z_4ME", bytes([3, 236, 255, 224, 193])),
        (b"AA", b"\0"),
        (b"AAA", b"\0\0"),
        (b"_-8", b"\xff\xef"),
    ],
)
def test_unpadded_base64url_is_read(text: bytes, data: bytes) -> None:
    assert base64url(text) == data
    assert base64url_encode(data) == text


@pytest.mark.parametrize(
    "text",
    [b"A", b"AAAAA", b"AA==", b"AA=", b"A+8", b"A/8", b" AAA", b"AAA\n", b"AB", b"A_", b"AAB", b"\xc3\xa9AA", b"A.AA"],
)
def test_any_other_base64_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="base64url"):
        base64url(text)


@examples(60)
@given(st.binary(max_size=200))
def test_base64url_reads_what_it_writes(data: bytes) -> None:
    assert base64url(base64url_encode(data)) == data


@examples(60)
@given(st.text("AQgw-_=+/ ", max_size=8))
def test_a_text_that_is_read_is_the_only_one_for_its_data(text: str) -> None:
    try:
        data = base64url(text.encode())
    except ValueError:
        return
    assert base64.urlsafe_b64encode(data).rstrip(b"=") == text.encode()


@examples(60)
@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_an_object_is_read_as_it_was_written(value: dict[str, Any]) -> None:
    try:
        text = json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return
    assert json_object(text, most_depth=1000) == value


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b'"a"',
        b"1",
        b"null",
        b'{"a":1,"a":1}',
        b'{"a":{"b":1,"b":2}}',
        b'{"a":1,"\\u0061":2}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":1}x',
        b'{"a":1}{}',
        b"{'a':1}",
        b'{"a":1,}',
        b'{"a":"\xff"}',
        b'\xef\xbb\xbf{"a":1}',
        b'{"a":"\n"}',
    ],
)
def test_what_could_be_read_in_two_ways_is_no_object(text: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        json_object(text)


def test_depth_is_bounded() -> None:
    def nested(depth: int) -> bytes:
        return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"

    assert json_object(nested(MOST_DEPTH))
    with pytest.raises(ValueError, match="deeper than 32"):
        json_object(nested(MOST_DEPTH + 1))
    with pytest.raises(ValueError, match="deeper than 32"):
        json_object(b'{"a":' * 33 + b"1" + b"}" * 33)


def test_brackets_in_strings_are_no_depth() -> None:
    assert json_object(b'{"a":"' + b"[" * 100 + rb"\"[[" + b'","b":"\\\\"}')["b"] == "\\"


def test_depth_that_only_the_parser_finds_too_deep_is_refused() -> None:
    with pytest.raises(ValueError, match="too deep"):
        json_object(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", most_depth=200_000)


@pytest.mark.parametrize("text", [b'{"' + b'\\"' * 200_000, b'{"' + b"\\" * 400_001, b'{"a":"' + b"x" * 400_000])
def test_a_string_without_an_end_is_refused_in_no_time(text: bytes) -> None:
    began = time.process_time()
    with pytest.raises(ValueError, match=r".+"):
        json_object(text)
    assert time.process_time() - began < 1.0


@examples(60)
@given(st.binary(max_size=60))
def test_no_bytes_do_anything_but_read_or_raise(text: bytes) -> None:
    with suppress(ValueError):
        assert isinstance(json_object(text), dict)
