"""Bodies are read strictly: one meaning, or none."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.api.body import FORCE, PROVIDER, SCOPES, SECONDS, BadBody, read, remembered

MEMBERS = {"provider": PROVIDER, "scopes": SCOPES, "force": FORCE}


@pytest.mark.parametrize(
    ("text", "members"),
    [
        (b'{"provider":"github"}', {"provider": "github", "scopes": (), "force": False}),
        (
            b'{"force": true, "scopes": ["repo", "https://a.example/b:c"], "provider": "\xc3\xbc"}',
            {"provider": "ü", "scopes": ["repo", "https://a.example/b:c"], "force": True},
        ),
    ],
)
def test_what_is_meant_is_read(text: bytes, members: dict[str, Any]) -> None:
    assert read(text, MEMBERS) == members


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "one JSON object"),
        (b"null", "one JSON object"),
        (b"[]", "one JSON object"),
        (b'{"provider":"a"} {}', "one JSON object"),
        (b'{"provider":"a","provider":"b"}', "one JSON object"),
        (b'{"provider":"a","force":NaN}', "one JSON object"),
        (b'{"provider":"\xff"}', "one JSON object"),
        (b'{"provider":"a","scopes":' + b"[" * 40 + b"]" * 40 + b"}", "one JSON object"),
        (b"{}", 'Send "provider": the name of a provider.'),
        (b'{"provider":""}', 'as "provider" the name'),
        (b'{"provider":1}', 'as "provider" the name'),
        (b'{"provider":null}', 'as "provider" the name'),
        (b'{"provider":"a","force":1}', 'as "force" true or false'),
        (b'{"provider":"a","force":"true"}', 'as "force" true or false'),
        (b'{"provider":"a","scopes":"repo user"}', 'as "scopes" a list'),
        (b'{"provider":"a","scopes":["repo user"]}', 'as "scopes" a list'),
        (b'{"provider":"a","scopes":[""]}', 'as "scopes" a list'),
        (b'{"provider":"a","scopes":["a\\"b"]}', 'as "scopes" a list'),
        (b'{"provider":"a","scopes":["\\u00e4"]}', 'as "scopes" a list'),
        (b'{"provider":"a","scopes":[null]}', 'as "scopes" a list'),
        (json.dumps({"provider": "a", "scopes": ["a"] * 65}).encode(), 'as "scopes" a list'),
        (b'{"provider":"a","scope":["repo"]}', '"scope" is none of the members that this call takes: provider, scopes'),
        (b'{"provider":"a","a b":1}', "another member"),
    ],
)
def test_anything_else_is_refused_with_what_to_do(text: bytes, says: str) -> None:
    with pytest.raises(BadBody) as refused:
        read(text, MEMBERS)
    assert says in refused.value.detail
    assert refused.value.status == 400


def test_a_handle_sent_as_a_member_is_not_said_again() -> None:
    handle = "ih_" + "A" * 43
    with pytest.raises(BadBody) as refused:
        read(json.dumps({handle: 1}).encode(), MEMBERS)
    assert handle not in refused.value.detail + refused.value.reason


@given(
    st.binary(max_size=60)
    | st.builds(lambda value: json.dumps({"seconds": value}).encode(), st.floats() | st.integers())
)
def test_nothing_else_ever_comes_out_than_a_good_number(text: bytes) -> None:
    try:
        seconds = read(text, {"seconds": SECONDS})["seconds"]
    except BadBody:
        return
    assert 0 < seconds < float("inf")


def test_a_body_that_comes_again_is_read_once_and_what_it_says_can_not_be_changed() -> None:
    reads = remembered(MEMBERS)
    text = b'{"provider":"github"}'
    first = reads(text)
    assert first == read(text, MEMBERS)
    assert reads(b'{"provider":"github"}') is first
    with pytest.raises(TypeError):
        first["provider"] = "gitlab"  # type: ignore[index]  # that it is read-only is the point


def test_neither_what_is_refused_nor_what_is_large_is_remembered() -> None:
    reads = remembered(MEMBERS)
    for _ in range(2):
        with pytest.raises(BadBody):
            reads(b'{"provider":"github","token":"a-secret"}')
    large = b'{"provider":"github"}'.ljust(1025)
    assert reads(large) == reads(large)
    assert reads(large) is not reads(large)
