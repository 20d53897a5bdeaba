"""Paths that can be read in two ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.wire.path import plainest, suspect


@pytest.mark.parametrize(
    ("path", "plain"),
    [
        (b"/a/b", b"/a/b"),
        (b"/a%2Fb", b"/a/b"),
        (b"/a%252Fb", b"/a/b"),
        (b"//a///b", b"/a/b"),
        (b"/a;x=1/b;y", b"/a/b"),
        (b"/a\\b", b"/a/b"),
        (b"/a/..b/b..", b"/a/..b/b.."),
    ],
)
def test_a_path_is_read_as_the_most_obliging_server_would(path: bytes, plain: bytes) -> None:
    assert plainest(path) == plain


@pytest.mark.parametrize(
    "path",
    [b"/..", b"/a/../b", b"/a/./b", b"/%2e%2e/b", b"/a/%252e%252e", b"/a/..;x/b", b"/a\\..\\b", b"/%" + b"25" * 9],
)
def test_dot_segments_and_many_encodings_are_no_reading(path: bytes) -> None:
    with pytest.raises(ValueError, match=r"dot segment|many times"):
        plainest(path)


_pieces = st.lists(st.sampled_from([b"/", b".", b"%", b"\\", b";", b"a", b"B", b"7", b"-_~", b"\x80", b"!"]))


@given((st.binary(max_size=40) | _pieces.map(b"".join)).map(lambda rest: b"/" + rest))
def test_whatever_reads_otherwise_is_suspect(path: bytes) -> None:
    try:
        plain = plainest(path)
    except ValueError:
        assert suspect(path)
    else:
        assert suspect(path) or plain == path
