"""A team's own policies: read with the configuration, and held against the schema."""

from pathlib import Path

import pytest

from tests.settings.conftest import Read, Wrong

GOOD = 'forbid (principal, action, resource) when { context.hours.contains("never") };\n'


def test_they_are_read_relative_to_the_configuration_and_watched(read: Read, tmp_path: Path) -> None:
    (tmp_path / "own.cedar").write_text(GOOD)
    before = read("policy: {files: [own.cedar]}")
    (file,) = before.policy.files
    assert (file.path, file.text) == (tmp_path / "own.cedar", GOOD.rstrip())
    assert file.path in before.files
    (tmp_path / "own.cedar").write_text(GOOD.replace("never", "ever"))
    assert read("policy: {files: [own.cedar]}").digest != before.digest


def test_what_is_wrong_with_one_is_told_by_its_line(wrong: Wrong, tmp_path: Path) -> None:
    (tmp_path / "good.cedar").write_text(GOOD)
    (tmp_path / "own.cedar").write_text(f"{GOOD}\npermit (;\n\npermit (principal, action, resource) when {{ 1 }};\n")
    (problem,) = wrong("policy:\n  files:\n    - good.cedar\n    - own.cedar")
    assert (problem.path, problem.line) == ("policy.files[1]", 5)
    assert f"is {tmp_path / 'own.cedar'}, which cannot be taken: line 3: " in problem.what
    assert "; line 5: " in problem.what
    assert "docs/reference/cedar.md" in problem.mend


def test_one_that_is_not_there_is_a_problem_where_it_runs_and_a_note_where_it_is_checked(
    read: Read, wrong: Wrong
) -> None:
    (problem,) = wrong("policy: {files: [absent.cedar]}")
    assert problem.path == "policy.files[0]"
    assert any("absent.cedar" in note for note in read("policy: {files: [absent.cedar]}", strict=False).notes)


PLACES = """
tools: {desk: [open_door]}
providers: {key: {type: bearer, token: t}}
egress: {routes: {desks: {url: "https://a.example", mcp: true}, plain: {url: "https://b.example"}}}
policy: {files: [own.cedar]}
"""


@pytest.mark.parametrize(
    ("resource", "says"),
    [
        ('== Route::"plian"', 'Route::"plian", which is none of egress.routes'),
        ('in Route::"nope"', 'Route::"nope", which is none of egress.routes'),
        ('in Toolset::"dusk"', 'Toolset::"dusk", which is none of tools'),
        ('== Provider::"kee"', 'Provider::"kee", which is none of providers'),
        ('== Tool::"plain/x"', 'Tool::"plain/x", which is none of tools or an MCP route'),
    ],
)
def test_what_a_policy_names_must_be_there(wrong: Wrong, tmp_path: Path, resource: str, says: str) -> None:
    (tmp_path / "own.cedar").write_text(f"{GOOD}\nforbid (principal, action, resource {resource});\n")
    (problem,) = wrong(PLACES)
    assert (problem.path, f"whose line 3 names {says}" in problem.what) == ("policy.files[0]", True)
    assert "Did you mean" in problem.mend or "Known: " in problem.mend


@pytest.mark.parametrize(
    "resource",
    ['== Route::"plain"', 'in Route::"desks"', 'in Toolset::"desk"', '== Tool::"desks/x"', '== Provider::"key"'],
)
def test_what_is_there_may_be_named(read: Read, tmp_path: Path, resource: str) -> None:
    (tmp_path / "own.cedar").write_text(f"forbid (principal, action, resource {resource});\n")
    assert read(PLACES).policy.files


def test_what_is_named_in_a_condition_must_be_there_too(wrong: Wrong, tmp_path: Path) -> None:
    (tmp_path / "own.cedar").write_text('forbid (principal, action, resource) when { resource == Route::"nope" };\n')
    (problem,) = wrong(PLACES)
    assert 'Route::"nope"' in problem.what
