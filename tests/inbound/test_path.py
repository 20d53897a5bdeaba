"""Which rule a path selects, and that no reader of the same path can select another."""

import re
from itertools import permutations, product
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sidecar.errors import PathAmbiguous
from sidecar.inbound.path import Rule, Rules
from tests.fuzzing import examples

RULES = Rules(
    ["/health", "/public/", "/static/css/", "/b/exact"], ["/.well-known/ours", "/.well-known/ours/", "/health2"]
)


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("/health", Rule.PUBLIC),
        ("/health/", Rule.PROTECTED),
        ("/healthy", Rule.PROTECTED),
        ("/HEALTH", Rule.PROTECTED),
        ("/health2", Rule.OWNED),
        ("/public/", Rule.PUBLIC),
        ("/public", Rule.PROTECTED),
        ("/public/a/b.c", Rule.PUBLIC),
        ("/public/a%20b", Rule.PUBLIC),
        ("/public/a%2Fb", Rule.PUBLIC),
        ("/public//a", Rule.PUBLIC),
        ("/public/a;b=c", Rule.PUBLIC),
        ("/public/...", Rule.PUBLIC),
        ("/public/.hidden", Rule.PUBLIC),
        ("/public/a..b", Rule.PUBLIC),
        ("/static/css/a", Rule.PUBLIC),
        ("/static/js", Rule.PROTECTED),
        ("/.well-known/ours", Rule.OWNED),
        ("/.well-known/ours/a/b", Rule.OWNED),
        ("/.well-known/theirs", Rule.PROTECTED),
        ("/", Rule.PROTECTED),
        ("//", Rule.PROTECTED),
        ("/a%2Fb", Rule.PROTECTED),
        ("/a;b", Rule.PROTECTED),
        ("/%zz", Rule.PROTECTED),
        ("/a%", Rule.PROTECTED),
        ("/%25", Rule.PROTECTED),
        ("/a//b", Rule.PROTECTED),
        ("/a\\b", Rule.PROTECTED),
    ],
)
def test_a_path_selects_one_rule(path: str, rule: Rule) -> None:
    assert RULES.select(path.encode()) is rule


@pytest.mark.parametrize(
    "path",
    [
        "/.",
        "/..",
        "/a/../b",
        "/a/./b",
        "/public/../admin",
        "/public/..",
        "/public/%2e%2e/admin",
        "/public/%2E./admin",
        "/public/.%2e/admin",
        "/public/%252e%252e/admin",
        "/public/%25252e%25252e/admin",
        "/public/..%2fadmin",
        "/public/..%5cadmin",
        "/public/..\\admin",
        "/public\\..\\admin",
        "/public/..;/admin",
        "/public/..;a=b/admin",
        "/public/..%3b/admin",
        "/public/.;/a",
        "/public/%2e%2e%3bx/admin",
        "/public/a%2f..%2f..%2fadmin",
        "/%70ublic/a",
        "/public%2Fa",
        "/public%2fa",
        "/public%252fa",
        "//public/a",
        "/./public/a",
        "/public;x/a",
        "/;x/public/a",
        "/health;x",
        "/%68ealth",
        "/health%3bx",
        "/\\public\\a",
        "/b\\exact",
        "/b//exact",
        "/b%2fexact",
        "/.well-known%2fours",
        "/.well-known//ours/a",
        "/%2ewell-known/ours",
        "/.well-known/ours;x",
        "/%25252525252525252568ealth",
    ],
)
def test_a_path_of_two_readings_is_refused(path: str) -> None:
    with pytest.raises(PathAmbiguous):
        RULES.select(path.encode())


def test_what_is_ours_can_not_be_declared_the_agents() -> None:
    rules = Rules(["/.well-known/ours", "/.well-known/"], ["/.well-known/ours"])
    assert rules.select(b"/.well-known/ours") is Rule.OWNED
    assert rules.select(b"/.well-known/other") is Rule.PUBLIC


def test_the_longest_prefix_decides() -> None:
    rules = Rules(["/a/"], ["/a/b/"])
    assert rules.select(b"/a/b/c") is Rule.OWNED
    assert rules.select(b"/a/c") is Rule.PUBLIC


def test_without_rules_everything_is_protected_and_dots_are_refused_all_the_same() -> None:
    assert Rules([]).select(b"/health") is Rule.PROTECTED
    with pytest.raises(PathAmbiguous):
        Rules([]).select(b"/a/../b")


# What servers do to a path before they look for who answers it, each of which may be left out.

READINGS = {
    "decode": unquote_to_bytes,
    "decode twice": lambda path: unquote_to_bytes(unquote_to_bytes(path)),
    "cut parameters": lambda path: re.sub(rb";[^/]*", b"", path),
    "fold slashes": lambda path: re.sub(rb"/+", b"/", path),
    "turn backslashes": lambda path: path.replace(b"\\", b"/"),
}
ORDERS = [order for count in (1, 2, 3) for order in permutations(READINGS.values(), count)]


def resolved(path: bytes) -> bytes:
    """Dot segments as RFC 3986 removes them, near enough."""
    kept: list[bytes] = []
    for segment in path.split(b"/"):
        if segment == b".." and kept:
            kept.pop()
        elif segment not in (b".", b".."):
            kept.append(segment)
    return b"/" + b"/".join(kept).lstrip(b"/")


def plain(path: bytes) -> Rule:
    """The rules by hand."""
    if path in (b"/health2", b"/.well-known/ours") or path.startswith(b"/.well-known/ours/"):
        return Rule.OWNED
    exact = path in (b"/health", b"/b/exact")
    return Rule.PUBLIC if exact or path.startswith((b"/public/", b"/static/css/")) else Rule.PROTECTED


_MARKS = (
    b"/",
    b"//",
    b"\\",
    b".",
    b"..",
    b";",
    b";x=1",
    b"%2e",
    b"%2F",
    b"%5c",
    b"%3B",
    b"%25",
    b"%252e",
    b"%70",
    b"%",
)
_NAMES = (b"a", b"public", b"health", b"b", b"exact", b".well-known", b"ours", b"static", b"css", b"admin")
_pieces = st.sampled_from(_MARKS + _NAMES)
_paths = st.lists(_pieces, max_size=7).map(lambda pieces: b"/" + b"".join(pieces))


@examples(600)
@given(_paths)
@example(b"/public/%2e%2e/admin")
@example(b"/static\\..\\public/a")
def test_no_server_reads_a_path_that_passes_as_one_of_another_rule(path: bytes) -> None:
    try:
        rule = RULES.select(path)
    except PathAmbiguous:
        return
    assert rule is plain(path)
    if rule is Rule.PROTECTED:
        return  # whatever it is read as, its caller was proved
    for order, dots in product(ORDERS, (False, True)):
        read = path
        for step in order:
            read = step(read)
        assert plain(resolved(read) if dots else read) is rule
