"""Lists, tables and sections: what is reported of them, all at once."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sidecar.settings.place import tree
from sidecar.settings.problem import Misfit, Misfits
from sidecar.settings.reading import At, Reading
from sidecar.settings.sections import REQUIRED, SKIP, Key, List, Named, OneOrMore, Section, Typed, attempt, later
from sidecar.settings.shapes import Count, Flag, Shape, Text, Word
from sidecar.settings.source import Source

NAME = Text("a name", "name", pattern="[a-z]+")


class Pair(NamedTuple):
    first: str
    second: int


def _pair(first: str, second: int) -> Pair:
    if first == "bad" and second == 2:
        raise Misfits([Misfit("is bad with 2", "Take 3.", "first", ("second",)), Misfit("is bad", "Mend it.")])
    return Pair(first, second)


PAIR = Section(
    _pair, {"first": Key(NAME, REQUIRED, "The first."), "second": Key(Count(1, 9), 5, "The second.", now=False)}
)
OUTER = Section(
    dict,
    {"pair": Key(PAIR, {}, "A pair."), "other": Key(PAIR, None, "Another."), "flag": Key(Flag(), False, "A flag.")},
)
NAMED = Section(dict, {"value": Key(NAME, "x", "A value.")}, named=True)
TYPED = Typed(
    {
        "one": Section(
            dict, {"type": Key(Word("one"), REQUIRED, "Which."), "first": Key(NAME, REQUIRED, "The first.")}
        ),
        "two": Section(dict, {"type": Key(Word("two"), REQUIRED, "Which."), "second": Key(NAME, None, "The second.")}),
    },
    "a typed table",
)


def read(shape: Shape, text: str) -> tuple[Any, Reading]:
    reading = Reading(Source(Path("sidecar.yaml"), {}), strict=True)
    return attempt(shape, tree(text, lambda *_: None), At(reading, "", 1)), reading


def said(shape: Shape, text: str) -> list[tuple[str, int, str]]:
    _, reading = read(shape, text)
    return [(problem.path, problem.line, problem.what) for problem in reading.problems]


def test_what_fits_is_read() -> None:
    assert read(List(NAME, "names"), "[a, b]")[0] == ("a", "b")
    assert read(List(NAME, "names"), "[]")[0] == ()
    assert read(OneOrMore(NAME), "a")[0] == frozenset({"a"})
    assert read(OneOrMore(NAME), "[a, b, a]")[0] == frozenset({"a", "b"})
    assert read(OneOrMore(NAME, tuple), "[b, a]")[0] == ("b", "a")
    assert dict(read(Named(Count(1, 9), "counts", NAME), "{a: 1, b: 2}")[0]) == {"a": 1, "b": 2}
    assert read(PAIR, "{first: a, second: 2}")[0] == Pair("a", 2)
    assert read(PAIR, "first: a")[0] == Pair("a", 5)
    assert read(OUTER, "{pair: {first: a}, flag: true}")[0] == {"pair": Pair("a", 5), "other": None, "flag": True}
    assert read(Named(NAMED, "named", NAME), "{it: {value: y}}")[0]["it"] == {"name": "it", "value": "y"}
    assert read(TYPED, "{type: one, first: a}")[0] == {"type": "one", "first": "a"}
    assert read(TYPED, "{type: two}")[0] == {"type": "two", "second": None}


@pytest.mark.parametrize(
    ("shape", "text", "problems"),
    [
        (List(NAME, "a list of names"), "a", [("", 1, '"a" is not a list of names')]),
        (List(NAME, "a list of names", least=1), "[]", [("", 1, "is an empty list")]),
        (List(NAME, "names"), "[a, B,\n C]", [("[1]", 1, '"B" is not a name'), ("[2]", 2, '"C" is not a name')]),
        (OneOrMore(NAME), "[]", [("", 1, "is an empty list")]),
        (OneOrMore(NAME), "{a: b}", [("", 1, "is a table, not a name")]),
        (Named(NAME, "a table of names", NAME), "[]", [("", 1, "is a list, not a table of names")]),
        (Named(NAME, "names", NAME, least=1), "{}", [("", 1, "is an empty table")]),
        (Named(NAME, "names", NAME), "A: b\nb: C", [("A", 1, "is not a name"), ("b", 2, '"C" is not a name')]),
        (Named(NAME, "names", Text("x", "x", str.lower)), "a: b\nA: c", [("A", 2, "stands here again, as a")]),
        (PAIR, "[]", [("", 1, "is a list, not a table with first, second")]),
        (PAIR, "second: 5", [("first", 1, "is missing")]),
        (
            PAIR,
            "frist: a\nsecond: x",
            [
                ("frist", 1, "is not a key here"),
                ("first", 1, "is missing"),
                ("second", 2, '"x" is not a whole number from 1 to 9'),
            ],
        ),
        (OUTER, "pair:\n  first: bad\n  second: 2", [("pair.first", 2, "is bad with 2")]),
        (OUTER, "flag: true", [("pair.first", 1, "is missing")]),
        (OUTER, "pair:\n  second: 3", [("pair.first", 1, "is missing")]),
        (OUTER, "{pair: {first: a}, other: {}}", [("other.first", 1, "is missing")]),
        (OUTER, "{pair: a}", [("pair", 1, '"a" is not a table with first, second')]),
        (TYPED, "[]", [("", 1, "is a list, not a typed table")]),
        (TYPED, "first: a", [("type", 1, "is missing")]),
        (TYPED, "type: on", [("type", 1, '"on" is to YAML a boolean, not one of one, two')]),
        (TYPED, "{type: two, first: a}", [("first", 1, "is not a key here")]),
    ],
)
def test_what_does_not_fit_is_reported_all_of_it_with_its_place(
    shape: Shape, text: str, problems: list[tuple[str, int, str]]
) -> None:
    assert said(shape, text) == problems


def test_an_unknown_key_is_told_the_nearest_one_or_all() -> None:
    _, reading = read(PAIR, "{first: a, secnod: 2, zzz: 3}")
    assert [problem.mend for problem in reading.problems] == ['Did you mean "second"?', "Known here: first, second."]


def test_a_missing_key_is_shown_as_it_would_be_written() -> None:
    _, reading = read(PAIR, "{}")
    assert [problem.mend for problem in reading.problems] == ["Set  first: name"]


def test_what_rests_on_a_wrong_value_is_not_said() -> None:
    """``_pair`` says two things of bad and 2, of which the second is about the whole."""
    assert said(OUTER, "pair: {first: bad, second: 2}") == [("pair.first", 1, "is bad with 2")]
    assert [path for path, _, _ in said(OUTER, "pair: {first: bad, second: 2, third: 3}")] == [
        "pair.third",
        "pair.first",
    ]
    assert [path for path, _, _ in said(OUTER, "pair: {first: bad, second: x}")] == ["pair.second"]


def test_something_that_fits_stands_for_what_does_not() -> None:
    assert read(PAIR, "{second: x}")[0] == Pair("name", 5)
    assert read(OUTER, "{pair: []}")[0] == {"pair": Pair("name", 5), "other": None, "flag": False}
    assert read(List(NAME, "names"), "[a, B]")[0] == ("a",)
    assert dict(read(Named(NAME, "names", NAME), "{a: B, b: c}")[0]) == {"b": "c"}
    assert read(PAIR, "{first: bad, second: 2}")[0] is SKIP
    assert read(TYPED, "{type: three}")[0] is SKIP


def test_a_key_without_effect_is_noted_when_it_is_given() -> None:
    assert read(PAIR, "{first: a}")[1].notes == []
    assert read(PAIR, "{first: a, second: 2}")[1].notes == ["second has no effect yet"]
    assert not any(key.now for key in later(PAIR.keys).values())


def test_only_tables_are_taken_for_tables_and_lists_for_lists() -> None:
    a_list, a_table, a_text = (tree(text, lambda *_: None) for text in ("[a]", "{a: b}", "a"))
    for shape, takes in (
        (List(NAME, "names"), [a_list]),
        (OneOrMore(NAME), [a_list, a_text]),
        (Named(NAME, "names", NAME), [a_table]),
        (PAIR, [a_table]),
        (TYPED, [a_table]),
    ):
        assert [node for node in (a_list, a_table, a_text) if shape.takes(node)] == takes


def test_a_section_has_a_schema() -> None:
    assert OUTER.schema()["required"] == ["pair"]
    assert OUTER.schema()["additionalProperties"] is False
    assert PAIR.schema()["required"] == ["first"]
    assert PAIR.schema()["properties"]["second"] == {"description": "The second.", **Count(1, 9).schema()}
    assert List(NAME, "names", least=1).schema() == {"type": "array", "items": NAME.schema(), "minItems": 1}
    assert OneOrMore(NAME).schema()["anyOf"][0] == NAME.schema()
    assert Named(NAME, "x", NAME).schema() == {
        "type": "object",
        "additionalProperties": NAME.schema(),
        "minProperties": 0,
    }
    assert TYPED.schema()["properties"]["type"]["enum"] == ["one", "two"]
