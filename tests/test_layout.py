"""The tests mirror the code: a module is tested in the file of its name, and a file of tests says what it tests."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
CODE = TESTS.parent / "sidecar"

# Modules that show what they do only in another's company: the tests that hold them instead.
TESTED_THROUGH: Mapping[str, str] = {
    "__main__.py": "test_cli.py",
    "assembly/consenting.py": "journeys/test_grants.py",
    "assembly/granting.py": "journeys/test_grants.py",
    "assembly/explaining.py": "assembly/test_questions.py",
    "assembly/ground.py": "journeys/test_stopping.py",
    "assembly/house.py": "journeys/test_reload.py",
    "assembly/keeping.py": "journeys/test_vault.py",
    "assembly/outward.py": "journeys/test_way_out.py",
    "assembly/report.py": "journeys/test_reload.py",
    "assembly/restart.py": "journeys/test_reload.py",
    "assembly/revoking.py": "journeys/test_revoking.py",
    "assembly/state_key.py": "journeys/test_state_key.py",
    "consent/ending.py": "consent/test_callback.py",
    "consent/question.py": "consent/test_connect.py",
    "consent/record.py": "consent/test_callback.py",
    "consent/visit.py": "consent/test_application.py",
    "demo/agreement.py": "demo/test_demo.py",
    "demo/server.py": "demo/test_demo.py",
    "demo/stage.py": "demo/test_demo.py",
    "demo/story.py": "demo/test_demo.py",
    "demo/tools.py": "demo/test_demo.py",
    "egress/talk.py": "egress/test_mcp.py",
    "relay/own.py": "relay/test_pool.py",
    "settings/doors.py": "settings/test_table.py",
    "settings/words.py": "settings/test_table.py",
}
# Folders and files that mirror something else than a module.
WHOLE_REQUESTS = "journeys"
DEPLOYMENT = "deploy"
CLIENTS = "clients"  # other people's, before the real sidecar
DOCUMENTS = frozenset(
    {
        *("test_layout.py", "test_docs.py", "test_docs_policy.py", "test_docs_settings.py", "test_tutorial.py"),
        "test_config_examples.py",
    }
)
ATTACKS = "_attacks"  # tables of attacks on a room, beside the tests of its modules
PROPERTIES = frozenset(
    {"mcp/test_shown_is_callable.py", "relay/test_desync.py", "vault/test_races.py"}
)  # what holds for a room as a whole


def modules() -> Iterator[str]:
    """Every module that does something, from the code's root."""
    for path in sorted(CODE.rglob("*.py")):
        if path.name != "__init__.py" and does_something(path):
            yield str(path.relative_to(CODE))


def does_something(path: Path) -> bool:
    """Whether there is a function in it, a protocol's dots aside."""
    functions = (
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return any(not says_nothing(function) for function in functions)


def says_nothing(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """A docstring and dots are no work, nor is keeping what one was made with."""
    kept = ast.Assign | ast.AnnAssign if function.name == "__init__" else ast.Pass
    return all(isinstance(node, kept) or _is_constant(node) for node in function.body)


def _is_constant(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def files_of_tests() -> Iterator[str]:
    """Every test file, from the tests' root."""
    for path in sorted(TESTS.rglob("test_*.py")):
        if "node_modules" not in path.parts:
            yield str(path.relative_to(TESTS))


def own_test(module: str) -> Path:
    """Where the tests of a module are."""
    path = Path(module)
    return TESTS / path.parent / f"test_{path.name}"


@pytest.mark.parametrize("module", [*modules()])
def test_every_module_has_its_tests(module: str) -> None:
    through = TESTED_THROUGH.get(module)
    assert own_test(module).exists() or (through is not None and (TESTS / through).exists())


@pytest.mark.parametrize("module", [*TESTED_THROUGH])
def test_no_exception_outlives_its_reason(module: str) -> None:
    assert (CODE / module).exists()
    assert not own_test(module).exists()


@pytest.mark.parametrize("test", [*files_of_tests()])
def test_every_test_file_says_what_it_tests(test: str) -> None:
    path = Path(test)
    subject = path.stem.removeprefix("test_")
    mirrored = (CODE / path.parent / f"{subject}.py").exists()
    room = len(path.parts) == 2 and subject == path.parent.name and (CODE / path.parent / "__init__.py").exists()
    attacks = subject.endswith(ATTACKS) and (CODE / path.parent).is_dir()
    named = test in DOCUMENTS | PROPERTIES
    assert named or mirrored or room or attacks or path.parts[0] in {WHOLE_REQUESTS, DEPLOYMENT, CLIENTS}


def test_rooms_of_tests_are_namespaces() -> None:
    assert not [path for path in TESTS.rglob("__init__.py") if "node_modules" not in path.parts]
