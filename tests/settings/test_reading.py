"""What is collected on the way through a file, and what isn't said because something else is wrong already."""

from pathlib import Path

import pytest

from sidecar.settings.place import Entry, Scalar, Table
from sidecar.settings.problem import Absent, Misfit, Misfits
from sidecar.settings.reading import At, Reading, elsewhere, fetched
from sidecar.settings.source import Source

X = Scalar(7, "x", "string")


def reading(*, strict: bool = True) -> Reading:
    return Reading(Source(Path("sidecar.yaml"), {"NAME": "value"}), strict=strict)


def said(one: Reading) -> list[tuple[str, int, str]]:
    return [(problem.path, problem.line, problem.what) for problem in one.problems]


def test_a_place_knows_its_path_and_its_line() -> None:
    root = At(reading(), "", 1)
    item = root.key("inbound", Entry(2, X)).key("public", Entry(3, X)).item(1, X)
    assert (item.path, item.line) == ("inbound.public[1]", 7)
    assert root.key("issuers", Entry(4, X)).key("shop", Entry(5, X)).name == "shop"
    assert root.reading.given == {
        "inbound": 2,
        "inbound.public": 3,
        "inbound.public[1]": 7,
        "issuers": 4,
        "issuers.shop": 5,
    }
    assert (root.below("inbound").line, root.below("audit").line) == (2, 1)


def test_a_comparison_is_not_reported_while_one_side_of_it_is_wrong() -> None:
    for wrong, path, about in (
        ("a", "a", ()),
        ("a.b", "a", ()),
        ("a[0]", "a", ()),
        ("a", "a.b.c", ()),
        ("b", "a", ("b",)),
        ("b.c", "a", ("b",)),
    ):
        one = reading()
        one.problem(wrong, 1, "is wrong", "Mend it.")
        one.found(path, "doesn't go with it", "Mend it.", about)
        assert said(one) == [(wrong, 1, "is wrong")]
    one = reading()
    one.problem("ab", 1, "is wrong", "Mend it.")
    one.found("a", "doesn't go with c", "Mend it.", ("c",))
    assert len(one.problems) == 2


def test_a_comparison_stands_in_the_line_of_what_was_given() -> None:
    one = reading()
    one.given |= {"inbound": 2, "health.listen": 5}
    one.found("inbound.listen", "clashes", "Choose another.", ("health.listen",))
    one.found("inbound.limits.token", "doesn't fit", "Choose another.")
    one.found("nothing.of.it", "is given", "Choose another.")
    assert [problem.line for problem in one.problems] == [5, 2, 1]


def test_what_is_absent_is_a_problem_or_a_note() -> None:
    absent = Absent("needs the variable NAME, which is not set", "Set it.")
    for strict in (True, False):
        one = reading(strict=strict)
        At(one, "a.b", 3).misfit(absent)
        one.found("a.b", "says otherwise", "Mend it.")
        assert said(one) == ([("a.b", 3, absent.what)] if strict else [])
        assert one.notes == ([] if strict else ["a.b needs the variable NAME, which is not set"])


def test_a_note_is_taken_once() -> None:
    one = reading()
    one.note("x")
    one.note("x")
    assert one.notes == ["x"]


def test_misfits_of_several_keys_are_reported_each_at_its_own() -> None:
    one = reading()
    at = At(one, "", 1).key("a", Entry(2, X))
    at.key("b", Entry(3, X))
    at.misfits(
        Misfits([Misfit("is bad", "Mend it.", "b"), Misfit("is missing", "Set it.", "c"), Misfit("is odd", "Mend it.")])
    )
    assert said(one) == [("a.b", 3, "is bad"), ("a.c", 2, "is missing")]


def test_a_misfit_may_be_of_a_key_below() -> None:
    one = reading()
    At(one, "a", 2).misfit(Misfit("is missing", "Set it.", "b"))
    assert said(one) == [("a.b", 2, "is missing")]


@pytest.mark.parametrize(
    ("kind", "name", "shown", "what", "mend"),
    [
        ("providers", "githb", True, '"githb" is not a provider', 'Did you mean "github"?'),
        ("providers", "zzz", True, '"zzz" is not a provider', "Known: github, google."),
        ("providers", "githb", False, "is not a provider", "Known: github, google."),
        ("providers", "github.type", True, '"github.type" is not a provider', 'Did you mean "github"?'),
        ("issuers", "x", True, '"x" is not an issuer', "There is none under issuers: add it there."),
        ("egress.routes", "calender", True, '"calender" is not a route', 'Did you mean "calendar"?'),
    ],
)
def test_a_name_that_names_nothing_is_told_what_there_is(
    kind: str, name: str, shown: bool, what: str, mend: str
) -> None:
    one = reading()
    root = At(one, "", 1)
    github = root.below("providers").named("github", Entry(1, X))
    github.key("type", Entry(1, X))
    root.below("providers").named("google", Entry(1, X))
    root.below("egress").below("routes").named("calendar", Entry(1, X))
    one.refer(At(one, "a", 2, shown), kind, name)
    one.refer(At(one, "b", 2), "providers", "github")
    one.resolve()
    assert [(problem.path, problem.what, problem.mend) for problem in one.problems] == [("a", what, mend)]


def test_a_key_with_control_characters_is_reported_on_one_line() -> None:
    one = reading()
    At(one, "", 1).key("a\nb\x1b[2J", Entry(2, X)).misfit(Misfit("is not a key here", "Known here: a."))
    assert "\n" not in str(one.problems[0]).partition("\n    ")[0]
    assert "\x1b" not in str(one.problems[0])


def test_whatever_is_said_is_said_on_one_line() -> None:
    one = reading(strict=False)
    one.note("a\nb")
    one.problem("a", 1, "x\ny", "z\x1b[2J")
    At(one, "b", 1).misfit(Absent("is /a\nb, which is not there", "Put it there."))
    assert one.lacking == {"b"}
    assert all(text.isprintable() for text in (*one.notes, one.problems[0].what, one.problems[0].mend))


def test_a_text_may_be_elsewhere() -> None:
    table = Table(1, {"env": Entry(1, Scalar(1, "NAME", "string"))})
    assert elsewhere(table)
    assert fetched(table, At(reading(), "a", 1)) == "value"
    for other in (
        X,
        Table(1, {}),
        Table(1, {"environ": Entry(1, X)}),
        Table(1, {"env": Entry(1, X), "b": Entry(1, X)}),
    ):
        assert not elsewhere(other)
