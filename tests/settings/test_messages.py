"""Paths, methods, and names of headers."""

import pytest

from sidecar.settings import messages
from sidecar.settings.problem import Misfit


@pytest.mark.parametrize("text", ["/", "/healthz", "/docs/", "/a/b.c;d=1,e@f:g~h", "//", "/...", "/.well-known/x"])
def test_a_path_is_read_as_it_is(text: str) -> None:
    assert messages.path(text) == text


@pytest.mark.parametrize(
    ("text", "what", "mend"),
    [
        ("healthz", "does not begin with /", "Write /healthz"),
        ("/a%2Fb", "has a % in it", "Paths are compared as they are sent; no rule can name an encoded character."),
        ("/docs/*", "has a * in it", "A path that ends with / is a prefix; any other is compared exactly."),
        ("/a/../b", "has a dot segment", "Write it without  /./  and  /../ ; requests that have them are refused."),
        ("/a/.", "has a dot segment", "Write it without  /./  and  /../ ; requests that have them are refused."),
        ("/a?b", "is not a path", "Write a path alone, in visible ASCII, without ? and #."),
        ("/a#b", "is not a path", "Write a path alone, in visible ASCII, without ? and #."),
        ("/a b", "is not a path", "Write a path alone, in visible ASCII, without ? and #."),
        ("/a\\b", "is not a path", "Write a path alone, in visible ASCII, without ? and #."),
        ("/größer", "is not a path", "Write a path alone, in visible ASCII, without ? and #."),
        ("/a\n", "is not a path", "Write a path alone, in visible ASCII, without ? and #."),
    ],
)
def test_what_no_request_can_match_is_refused_with_a_remedy(text: str, what: str, mend: str) -> None:
    with pytest.raises(Misfit) as refused:
        messages.path(text)
    assert (refused.value.what, refused.value.mend) == (what, mend)


def test_a_method_is_read_in_capitals() -> None:
    assert [messages.method(text) for text in ("GET", "M-SEARCH")] == ["GET", "M-SEARCH"]


@pytest.mark.parametrize(
    ("text", "what", "mend"),
    [
        ("get", "is not in capitals", "Write GET"),
        ("CONNECT", "is not a method that is passed on", "Write one such as GET or POST."),
        ("TRACE", "is not a method that is passed on", "Write one such as GET or POST."),
        ("G T", "is not a method that is passed on", "Write one such as GET or POST."),
    ],
)
def test_other_methods_are_refused_with_a_remedy(text: str, what: str, mend: str) -> None:
    with pytest.raises(Misfit) as refused:
        messages.method(text)
    assert (refused.value.what, refused.value.mend) == (what, mend)


@pytest.mark.parametrize("text", ["X-Api-Key", "Authorization", "PRIVATE-TOKEN", "x-goog-api-key"])
def test_a_header_may_hold_a_credential(text: str) -> None:
    assert messages.header(text) == text


@pytest.mark.parametrize(
    "text",
    ["Host", "content-length", "Transfer_Encoding", "X-Identity-Subject", "x_identity_x", "traceparent", "Cookie"],
)
def test_a_header_that_is_taken_may_not(text: str) -> None:
    with pytest.raises(Misfit, match="is a header of HTTP's or the sidecar's own"):
        messages.header(text)


@pytest.mark.parametrize("text", ["X Api Key", "X-Api-Key:", "größer", "x" * 65])
def test_what_is_no_header_is_refused(text: str) -> None:
    with pytest.raises(Misfit, match="is not the name of a header"):
        messages.header(text)
