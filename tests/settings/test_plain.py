"""Tables of anything, as JSON would have them."""

from pathlib import Path

import pytest

from sidecar.settings.place import Node, tree
from sidecar.settings.plain import Plain, value
from sidecar.settings.problem import Misfit
from sidecar.settings.reading import At, Reading
from sidecar.settings.source import Source


def node(text: str) -> Node:
    return tree(text, lambda *problem: None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{a: b}", {"a": "b"}),
        (
            "{a: 1, b: -2, c: 1.5, d: true, e: no, f: null}",
            {"a": 1, "b": -2, "c": 1.5, "d": True, "e": False, "f": None},
        ),
        ("{a: [x, {b: ['1']}]}", {"a": ["x", {"b": ["1"]}]}),
        ("{a: 2026-11-24, b: 0x1F, c: .inf}", {"a": "2026-11-24", "b": "0x1F", "c": ".inf"}),
        ("{}", {}),
    ],
)
def test_whatever_a_table_holds_is_read(text: str, expected: object) -> None:
    found = node(text)
    at = At(Reading(Source(Path("x"), {}), strict=True), "", 1)
    assert Plain().takes(found)
    assert Plain().read(found, at) == value(found) == expected


def test_what_is_no_table_is_none() -> None:
    assert not Plain().takes(node("[a]"))
    with pytest.raises(Misfit, match="is a list, not a table"):
        Plain().read(node("[a]"), At(Reading(Source(Path("x"), {}), strict=True), "", 1))
    assert Plain().schema() == {"type": "object"}
