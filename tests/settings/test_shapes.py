"""Single values, as they stand in a file: what each shape reads, and what it says of what it doesn't."""

from pathlib import Path
from typing import Any

import pytest

from sidecar.secret import Secret
from sidecar.settings import credentials
from sidecar.settings.place import Node, Table, tree
from sidecar.settings.problem import Absent, Misfit
from sidecar.settings.reading import At, Reading
from sidecar.settings.shapes import Count, Either, Flag, Fraction, Off, Shape, Text, Word, written
from sidecar.settings.source import Source

NAME = Text("a name", "name", pattern="[a-z]+")
SECRET = Text("a secret", "{env: NAME}", credentials.secret, secret=True)


def node(text: str) -> Node:
    whole = tree(f"key: {text}", lambda *_: None)
    assert isinstance(whole, Table)
    return whole.entries["key"].node


def read(shape: Shape, text: str, environ: dict[str, str] | None = None) -> Any:
    reading = Reading(Source(Path("sidecar.yaml"), environ or {}), strict=True)
    return shape.read(node(text), At(reading, "key", 1))


@pytest.mark.parametrize(
    ("shape", "text", "value"),
    [
        (NAME, "name", "name"),
        (NAME, "'no'", "no"),
        (NAME, "{env: VARIABLE}", "given"),
        (SECRET, "{env: VARIABLE}", Secret("given")),
        (Word("given", "taken"), "taken", "taken"),
        (Word("given", "taken"), "{env: VARIABLE}", "given"),
        (Flag(), "true", True),
        (Flag(), "Yes", True),
        (Flag(), "off", False),
        (Count(1, 10), "10", 10),
        (Count(0, 10), "0", 0),
        (Fraction(), "0", 0.0),
        (Fraction(), "1", 1.0),
        (Fraction(), "1.0", 1.0),
        (Fraction(), "0.25", 0.25),
        (Fraction(), ".5", 0.5),
        (Off(), "off", None),
        (Off("off"), "false", "off"),
        (Off(), "'off'", None),
        (Either(Off("off"), NAME), "off", "off"),
        (Either(Off("off"), NAME), "name", "name"),
        (Either(Flag(), NAME), "true", True),
        (Either(Flag(), NAME), "{env: VARIABLE}", "given"),
    ],
)
def test_a_value_that_fits_is_read(shape: Shape, text: str, value: object) -> None:
    found = read(shape, text, {"VARIABLE": "given"})
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("shape", "text", "what", "mend"),
    [
        (NAME, "Name", '"Name" is not a name', "Write it like  name"),
        (NAME, "''", "is empty", "It has to be a name."),
        (NAME, "", "is empty", "Give it a value (a name), or remove the key."),
        (NAME, "~", "is empty", "Give it a value (a name), or remove the key."),
        (NAME, "no", '"no" is to YAML a boolean, not a name', "Put it in quotes."),
        (NAME, "12", '"12" is to YAML an integer, not a name', "Write it like  name"),
        (NAME, "1.5", '"1.5" is to YAML a number, not a name', "Write it like  name"),
        (NAME, "2026-11-24", '"2026-11-24" is to YAML a date, not a name', "Write it like  name"),
        (NAME, "[a]", "is a list, not a name", "Write it like  name"),
        (NAME, "{a: b}", "is a table, not a name", "Write it like  name"),
        (NAME, "{env: A, file: b}", "is a table, not a name", "Write it like  name"),
        (NAME, "{env: }", "has no name behind env:", "Write  {env: NAME}  or  {file: PATH}"),
        (
            NAME,
            "{env: sk-live-1}",
            "has behind env: what is not the name of a variable",
            "Write  {env: NAME}  and set NAME to the value.",
        ),
        (NAME, "{file: 5}", "has no name behind file:", "Write  {env: NAME}  or  {file: PATH}"),
        (NAME, "{env: [A]}", "has no name behind env:", "Write  {env: NAME}  or  {file: PATH}"),
        (NAME, "{env: UPPER}", "is not a name", "It has to be a name."),
        (NAME, "{env: EMPTY}", "is empty", "It has to be a name."),
        (NAME, "{env: BYTES}", "holds a NUL or bytes that are not UTF-8", "It has to be a name."),
        (NAME, "{env: NONE}", "needs the variable NONE, which is not set", "Set NONE in the sidecar's environment."),
        (NAME, "<<", '"<<" is not a name', "Write it like  name"),
        (SECRET, "12", "what is given is to YAML an integer, not a secret", "Put it in quotes."),
        (SECRET, "[12]", "is a list, not a secret", "Write it like  {env: NAME}"),
        (Word("hashed", "plain"), "plan", '"plan" is not one of hashed, plain', 'Did you mean "plain"?'),
        (Word("hashed", "plain"), "x", '"x" is not one of hashed, plain', "Use one of hashed, plain."),
        (Word("hashed", "plain"), "{env: UPPER}", "is not one of hashed, plain", "It has to be one of hashed, plain."),
        (Word("okta"), "x", '"x" is not okta', "Use okta."),
        (Flag(), "maybe", '"maybe" is not true or false', "Write it like  true"),
        (Flag(), "1", '"1" is to YAML an integer, not true or false', "Write it like  true"),
        (Flag(), "", "is empty", "Give it a value (true or false), or remove the key."),
        (Count(1, 10), "0", '"0" is not a whole number from 1 to 10', "Write it like  1"),
        (Count(1, 10), "11", '"11" is not a whole number from 1 to 10', "Write it like  1"),
        (Count(1, 10), "010", '"010" is not a whole number from 1 to 10', "Write it like  1"),
        (Count(1, 10), "1:1", '"1:1" is not a whole number from 1 to 10', "Write it like  1"),
        (Count(1, 10), "9" * 30, f'"{"9" * 30}" is not a whole number from 1 to 10', "Write it like  1"),
        (Count(1, 10), "'5'", '"5" is not a whole number from 1 to 10', "Write it like  1"),
        (Count(1, 10), "5.0", '"5.0" is to YAML a number, not a whole number from 1 to 10', "Write it like  1"),
        (Fraction(), "1.5", '"1.5" is not a number from 0 to 1', "Write it like  0.1"),
        (Fraction(), ".nan", '".nan" is not a number from 0 to 1', "Write it like  0.1"),
        (Fraction(), "'0.5'", '"0.5" is not a number from 0 to 1', "Write it like  0.1"),
        (Fraction(), "[0.5]", "is a list, not a number from 0 to 1", "Write it like  0.1"),
        (
            Either(Flag(), Count(1, 2)),
            "x",
            '"x" is not true or false, or a whole number from 1 to 2',
            "Write it like  true",
        ),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_a_remedy(shape: Shape, text: str, what: str, mend: str) -> None:
    environ = {"UPPER": "Name", "EMPTY": "", "BYTES": os_bytes()}
    with pytest.raises(Misfit) as refused:
        read(shape, text, environ)
    assert (refused.value.what, refused.value.mend) == (what, mend)


def os_bytes() -> str:
    """What the environment holds for bytes that are no UTF-8."""
    return b"\xff".decode("utf-8", "surrogateescape")


def test_what_is_absent_is_told_from_what_is_wrong() -> None:
    with pytest.raises(Absent):
        read(NAME, "{env: NONE}")


@pytest.mark.parametrize(
    ("shape", "takes", "leaves"),
    [
        (NAME, ["a", "12", "{env: A}", "{file: a}"], ["[a]", "{a: b}"]),
        (Flag(), ["no", "true"], ["'no'", "1", "[]"]),
        (Count(0, 1), ["5"], ["5.0", "x"]),
        (Fraction(), ["5", "0.5"], ["x", "{}"]),
        (Off(), ["off", "no", "'off'"], ["true", "on", "x", "[]"]),
        (Either(Flag(), Count(0, 1)), ["no", "5"], ["x"]),
    ],
)
def test_a_shape_takes_nodes_of_its_sort(shape: Shape, takes: list[str], leaves: list[str]) -> None:
    assert all(shape.takes(node(text)) for text in takes)
    assert not any(shape.takes(node(text)) for text in leaves)


def test_a_shape_that_says_nothing_reads_nothing() -> None:
    for nothing in (lambda: Shape().takes(node("a")), lambda: read(Shape(), "a"), Shape().schema):
        with pytest.raises(NotImplementedError):
            nothing()


def test_a_secret_in_the_file_itself_is_remarked_upon() -> None:
    reading = Reading(Source(Path("sidecar.yaml"), {"VARIABLE": "given"}), strict=True)
    SECRET.read(node("{env: VARIABLE}"), At(reading, "key", 1))
    assert not reading.notes
    SECRET.read(node("hunter2"), At(reading, "key", 1))
    assert reading.notes == ["key stands in the file itself; {env: NAME} or {file: PATH} would keep it out"]


@pytest.mark.parametrize(
    ("example", "text"),
    [({"a": [1, True], "b": "x"}, "{a: [1, true], b: x}"), ([], "[]"), ({}, "{}"), (0.5, "0.5"), (False, "false")],
)
def test_an_example_is_written_as_yaml(example: object, text: str) -> None:
    assert written(example) == text


def test_a_default_is_read_like_any_value() -> None:
    assert Text("x", "x", len).plain("four") == 4
    assert Text("x", "x", len).plain(4) == 4
    assert Either(Text("x", "x", len), Flag()).plain("four") == 4
    assert Flag().plain(True) is True


@pytest.mark.parametrize(
    ("shape", "schema"),
    [
        (Text("x", "x"), {"anyOf": [{"type": "string", "minLength": 1}, {"$ref": "#/$defs/elsewhere"}]}),
        (
            NAME,
            {"anyOf": [{"type": "string", "minLength": 1, "pattern": "^(?:[a-z]+)$"}, {"$ref": "#/$defs/elsewhere"}]},
        ),
        (Word("a", "b"), {"anyOf": [{"enum": ["a", "b"]}, {"$ref": "#/$defs/elsewhere"}]}),
        (Flag(), {"type": "boolean"}),
        (Count(1, 2), {"type": "integer", "minimum": 1, "maximum": 2}),
        (Fraction(), {"type": "number", "minimum": 0, "maximum": 1}),
        (Either(Off(), Flag()), {"anyOf": [{"enum": ["off", False]}, {"type": "boolean"}]}),
    ],
)
def test_a_shape_has_a_schema(shape: Shape, schema: object) -> None:
    assert shape.schema() == schema
