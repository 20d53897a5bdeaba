"""What a problem says, and what it never says."""

import json

import pytest

from sidecar.settings.problem import Misfit, Misfits, Problem, Problems, nearest, printable, quoted

MISSING = Problem(
    "issuers.shop.client_ids", "config/sidecar.yaml", 14, "is missing", "Set  client_ids: [<app client id>]"
)
WHOLE = Problem("", "config/sidecar.yaml", 0, "is no file", "Name one.")


def test_a_problem_says_where_what_and_how_to_mend_it() -> None:
    assert str(MISSING) == (
        "config/sidecar.yaml:14  issuers.shop.client_ids  is missing\n    Set  client_ids: [<app client id>]"
    )


def test_a_problem_of_the_whole_file_has_neither_line_nor_path() -> None:
    assert str(WHOLE) == "config/sidecar.yaml  is no file\n    Name one."


def test_problems_are_said_one_after_the_other() -> None:
    problems = Problems((WHOLE, MISSING), ("a note",))
    assert str(problems) == f"{WHOLE}\n{MISSING}"
    assert problems.notes == ("a note",)


def test_a_problem_is_one_json_object() -> None:
    assert json.loads(json.dumps(MISSING.as_json())) == {
        "path": "issuers.shop.client_ids",
        "file": "config/sidecar.yaml",
        "line": 14,
        "what": "is missing",
        "mend": "Set  client_ids: [<app client id>]",
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("30", '"30"'),
        ("x" * 61, '"' + "x" * 60 + '…"'),
        ("a\nb\x1b[31m", '"a\ufffdb\ufffd[31m"'),
        ("https://user:hunter2@host/path", '"https://…@host/path"'),
        ("//hunter2@host", '"//…@host"'),
        ("https://a/?b=c@d", '"https://a/?b=c@d"'),
    ],
)
def test_a_value_is_shown_on_one_line_cut_and_without_credentials(text: str, shown: str) -> None:
    assert quoted(text) == shown


def test_what_is_printable_is_left_as_it_is() -> None:
    assert printable("plain text, größer") == "plain text, größer"


def test_the_nearest_name_is_found_and_a_far_one_is_not() -> None:
    assert nearest("githb", ["google", "github", "gitlab"]) == "github"
    assert nearest("zzz", ["google"]) is None
    assert nearest("x", []) is None


def test_several_misfits_are_one_exception() -> None:
    misfits = Misfits(Misfit("is wrong", "Mend it.", key) for key in "ab")
    assert [one.key for one in misfits.parts] == ["a", "b"]
