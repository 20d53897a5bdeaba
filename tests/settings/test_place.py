"""YAML as values that know their line: what is read, what is refused, and that nothing too large is ever built."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.settings.place import MOST_DEPTH, MOST_VALUES, Entry, Items, Node, Scalar, Table, Unreadable, tree

Said = list[tuple[str, int, str, str]]


def read(text: str) -> Node:
    said: Said = []
    node = tree(text, lambda *report: said.append(report))
    assert not said
    return node


def plain(node: Node) -> object:
    """The values alone."""
    if isinstance(node, Scalar):
        return node.text
    if isinstance(node, Items):
        return [plain(one) for one in node.nodes]
    return {name: plain(entry.node) for name, entry in node.entries.items()}


def test_every_value_knows_its_line_and_every_key_its_own() -> None:
    assert read("a: 1\nb:\n  - x\n  - 'y'\n") == Table(
        1,
        {
            "a": Entry(1, Scalar(1, "1", "integer")),
            "b": Entry(2, Items(3, (Scalar(3, "x", "string"), Scalar(4, "y", "string")))),
        },
    )


@pytest.mark.parametrize("text", ["", "# nothing but a comment\n", "---\n...\n"])
def test_an_empty_document_holds_nothing(text: str) -> None:
    assert read(text) == Table(1, {})


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("word", "string"),
        ("'no'", "string"),
        ('"12"', "string"),
        ("no", "boolean"),
        ("On", "boolean"),
        ("true", "boolean"),
        ("12", "integer"),
        ("0x1f", "integer"),
        ("1:30", "integer"),
        ("1.5", "number"),
        (".inf", "number"),
        ("", "null"),
        ("~", "null"),
        ("2026-11-24", "date"),
        ("=", "string"),
        ("!!str 12", "string"),
    ],
)
def test_a_scalar_is_what_yaml_1_1_takes_it_for(text: str, kind: str) -> None:
    node = read(f"key: {text}")
    assert isinstance(node, Table)
    value = node.entries["key"].node
    assert isinstance(value, Scalar)
    assert value.kind == kind


def test_an_alias_stands_for_what_its_anchor_names() -> None:
    assert plain(read("a: &it {x: 1}\nb: *it\nc: [*it, *it]")) == {
        "a": {"x": "1"},
        "b": {"x": "1"},
        "c": [{"x": "1"}, {"x": "1"}],
    }


def test_merged_keys_give_way_to_those_that_stand_there_and_later_ones_to_earlier() -> None:
    text = "one: &one {a: 1, b: 1}\ntwo: &two {b: 2, c: 2}\nboth: {b: 0, <<: [*one, *two]}\nfirst: {<<: *one, a: 0}"
    node = plain(read(text))
    assert isinstance(node, dict)
    assert node["both"] == {"a": "1", "b": "0", "c": "2"}
    assert node["first"] == {"a": "0", "b": "1"}


def test_a_quoted_merge_sign_is_a_key_like_any_other() -> None:
    assert plain(read("'<<': 1")) == {"<<": "1"}


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a: 1\n  b: 2", 2, "is not YAML: mapping values are not allowed in this context"),
        ("a: [1", 2, "is not YAML: did not find expected ',' or ']'"),
        ("a:\n\tb: 1", 2, "is not YAML: found character that cannot start any token"),
        ("a: @x", 1, "is not YAML: found character that cannot start any token"),
        ("a: 'x", 1, "is not YAML: found unexpected end of stream"),
        ("a: 1\nb: \x07", 2, "holds a character that YAML doesn't allow"),
        ("a: *none", 1, "refers with * to an anchor that isn't there"),
        ("a: &a [*a]", 1, "refers with * to an anchor that isn't there"),
        ("a: &a {b: *a}", 1, "refers with * to an anchor that isn't there"),
        ("a: 1\nb: !secret x", 2, "has a tag that isn't read here"),
        ("a: !!python/object:os.system {}", 1, "has a tag that isn't read here"),
        ("a: !!set [x]", 1, "has a tag that isn't read here"),
        ("a: !!binary aGk=", 1, "has a tag that isn't read here"),
        ("a: 1\n---\nb: 2", 2, "holds a second YAML document"),
        ("? [a]\n: 1", 1, "has a key that is a list or a table itself"),
        ("{{a: 1}: 2}", 1, "has a key that is a list or a table itself"),
        ("a: 1\nb: {<<: 1}", 2, "merges with << what isn't a table"),
        ("a: {<<: [{b: 1}, x]}", 1, "merges with << what isn't a table"),
    ],
)
def test_what_is_no_yaml_of_ours_is_refused_with_its_line_and_a_remedy(text: str, line: int, what: str) -> None:
    with pytest.raises(Unreadable) as refused:
        read(text)
    assert (refused.value.line, refused.value.what) == (line, what)
    assert refused.value.mend.endswith((".", "table."))


@pytest.mark.parametrize("loader", [yaml.CSafeLoader, yaml.SafeLoader])
@pytest.mark.parametrize(
    "text", ["a: *hunter2", "a: !hunter2 x", "a: !!hunter2 x", "a: &x *hunter2", "a: !hunter2!x b"]
)
def test_a_secret_that_looks_like_yaml_is_not_cited(text: str, loader: object) -> None:
    with pytest.raises(Unreadable) as refused:
        tree(text, lambda *_: None, loader)
    assert "hunter2" not in refused.value.what + refused.value.mend


def test_a_key_that_stands_twice_is_reported_and_the_first_one_read() -> None:
    said: Said = []
    node = tree("a:\n  b: 1\n  c: 2\n  b: 3\n", lambda *report: said.append(report))
    assert said == [("a.b", 4, "stands here again; it is given in line 2 already", "Keep one of the two.")]
    assert plain(node) == {"a": {"b": "1", "c": "2"}}


@pytest.mark.parametrize(
    ("key", "kind"),
    [("no", "a boolean"), ("on", "a boolean"), ("1", "an integer"), ("1.5", "a number"), ("~", "a null")],
)
def test_a_key_that_yaml_takes_for_something_else_is_reported(key: str, kind: str) -> None:
    said: Said = []
    tree(f"list:\n- {key}: 1", lambda *report: said.append(report))
    assert said == [(f"list[0].{key}", 2, f"is a key that YAML reads as {kind}", "Put the key in quotes.")]


def test_depth_is_bounded() -> None:
    assert read("[" * MOST_DEPTH + "]" * MOST_DEPTH)
    for text in (
        "[" * (MOST_DEPTH + 1) + "]" * (MOST_DEPTH + 1),
        "[" * 200_000,
        "{a: " * 5_000,
        "- " * 5_000,
        "? " * 5_000,
    ):
        with pytest.raises(Unreadable, match="nested deeper than 32 levels"):
            read(text)


def test_both_of_pyyamls_parsers_are_read_alike() -> None:
    text = "a: &x {b: [1, no, ~, 'q']}\nc: {<<: *x, d: 2026-11-24}\n"
    assert tree(text, lambda *_: None, yaml.SafeLoader) == tree(text, lambda *_: None, yaml.CSafeLoader)
    with pytest.raises(Unreadable, match="nested deeper than 32 levels"):
        tree("[" * 5_000, lambda *_: None, yaml.SafeLoader)


def test_a_billion_laughs_are_one_problem() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(Unreadable, match="holds more than 20000 values") as refused:
        read("\n".join(lines))
    assert refused.value.line == 5


def test_size_is_bounded() -> None:
    assert read("- x\n" * (MOST_VALUES - 1))
    with pytest.raises(Unreadable, match="holds more than 20000 values"):
        read("- x\n" * MOST_VALUES)


@settings(deadline=None)
@given(st.text() | st.text(alphabet="ab:,-[]{}&*!|>'\"%@`?#<~ \t\n01"))
def test_any_text_is_a_tree_or_unreadable(text: str) -> None:
    refused = None
    try:
        tree(text, lambda *_: None)
    except Unreadable as error:
        refused = error
    assert refused is None or (refused.line >= 1 and refused.what and refused.mend)
