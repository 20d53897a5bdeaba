"""The documents say what the code does: every name is there, every example is read by what it is an example for."""

import argparse
import ast
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import httpx
import pytest
import yaml

from sidecar import cli, errors, settings
from sidecar.events import Attribute, Name
from sidecar.identity.principal import Kind, Principal
from sidecar.inbound.headers import forwarded_lines, principal_lines
from sidecar.ops.metrics import METRICS, Metric

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "reference"
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
AGENT = 'agent: {name: travel-agent, url: "http://127.0.0.1:8000"}\n'
"""Put before an example that shows only what it is about."""

SCHEMA = settings.schema()

_BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")


class Block(NamedTuple):
    """A fenced example."""

    page: Path
    line: int
    language: str
    other: str
    """What stands behind the language: whose YAML it is, if not ours."""
    text: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(language: str) -> list[Block]:
    found = []
    for page in PAGES:
        text = page.read_text()
        for match in _BLOCK.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found.append(Block(page, line, match[1], match[2].strip(), match[3]))
    return [block for block in found if block.language == language]


def of(block: Block) -> str:
    return block.place


def page(name: str) -> str:
    return (REFERENCE / f"{name}.md").read_text()


def leaves(schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Every key that the schema names, dotted; below a table of named things, by the key alone."""
    for name, below in schema.get("properties", {}).items():
        yield f"{path}{name}"
        yield from leaves(below, f"{path}{name}.")


# reference


def refusals(kind: type[errors.Refusal] = errors.Refusal) -> Iterator[type[errors.Refusal]]:
    for below in kind.__subclasses__():
        if "code" in vars(below) or below.code != errors.Refusal.code:
            yield below
        yield from refusals(below)


@pytest.mark.parametrize("refusal", [*refusals()], ids=lambda refusal: refusal.__name__)
def test_every_refusal_is_documented(refusal: type[errors.Refusal]) -> None:
    row = re.search(rf"^\| `{refusal.code}` \| ([\d, ]+) \| (.*?) \| (.*?) \|$", page("errors"), re.MULTILINE)
    assert row, refusal.code
    assert str(refusal.status) in row[1].split(", ")


def test_the_errors_page_names_no_code_that_there_is_not() -> None:
    codes = {refusal.code for refusal in refusals()}
    assert set(re.findall(r"^\| `(\w+)` \|", page("errors"), re.MULTILINE)) == codes


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_metric_is_documented(metric: Metric) -> None:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    assert f"| `{metric.name}` | {metric.type} | {labels} | {metric.help} |" in page("metrics")


@pytest.mark.parametrize("name", Name)
def test_every_event_is_documented(name: Name) -> None:
    assert f"`{name}`" in page("events")


@pytest.mark.parametrize("attribute", Attribute)
def test_every_attribute_of_an_event_is_documented(attribute: Attribute) -> None:
    assert f"`{attribute}`" in page("events")


@pytest.mark.parametrize("key", sorted(set(leaves(SCHEMA))))
def test_every_setting_is_documented(key: str) -> None:
    text = page("settings")
    assert f"`{key}`" in text or f"`.{key.rpartition('.')[2]}`" in text, key


def commands() -> Mapping[str, argparse.ArgumentParser]:
    actions = cli.parser()._subparsers
    assert actions is not None
    choices: Any = next(action.choices for action in actions._group_actions)
    return choices  # type: ignore[no-any-return]  # argparse keeps it untyped


@pytest.mark.parametrize("command", sorted(commands()))
def test_every_command_is_documented_with_its_options(command: str) -> None:
    row = re.search(rf"^\| `sidecar {command}([^`]*)` \|", page("commands"), re.MULTILINE)
    assert row, command
    options = {option for action in commands()[command]._actions for option in action.option_strings} - {"-h", "--help"}
    assert set(re.findall(r"--\w+", row[1])) == options


def test_every_header_that_the_agent_gets_is_documented() -> None:
    principal = Principal(
        issuer_url="https://id.example.com",
        tenant="acme",
        subject="alice",
        issuer="own",
        kind=Kind.USER,
        client="web",
        name="Alice",
        email="alice@example.com",
        groups=frozenset({f"group-{number}" for number in range(2000)}),
        roles=frozenset({"admin"}),
        scopes=frozenset({"chat"}),
    )
    lines = principal_lines(principal, tools=("desk/open_door",)) + forwarded_lines(
        "192.0.2.1", "https", b"agent.example.com", {}
    )
    names = [line.partition(":")[0] for line in lines.decode().splitlines()]
    assert "X-Identity-Truncated" in names
    documented = re.sub(
        r"`X-Forwarded-For`, `-Proto`, `-Host`", "`X-Forwarded-Proto` `X-Forwarded-Host`", page("headers")
    )
    for name in names:
        assert f"`{name}`" in documented + "`X-Forwarded-For`", name


# examples


@pytest.mark.parametrize("block", [block for block in blocks("yaml") if not block.other], ids=of)
def test_every_configuration_shown_is_a_good_one(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "sidecar.yaml"
    file.write_text(block.text if re.search("^agent:", block.text, re.MULTILINE) else AGENT + block.text)
    settings.load(file, {}, strict=False)


@pytest.mark.parametrize("block", [block for block in blocks("yaml") if block.other], ids=of)
def test_every_other_yaml_is_yaml(block: Block) -> None:
    assert [*yaml.safe_load_all(block.text)]


@pytest.mark.parametrize("block", blocks("python"), ids=of)
def test_every_python_example_compiles(block: Block) -> None:
    assert ast.parse(block.text, filename=block.place).body


@pytest.mark.parametrize("block", [block for block in blocks("python") if "FastAPI" in block.text], ids=of)
async def test_every_fastapi_example_reads_who_called(block: Block) -> None:
    names: dict[str, Any] = {}
    exec(compile(block.text, block.place, "exec"), names)
    headers = {"X-Identity-Subject": "alice", "X-Identity-Principal": "p_1", "X-Identity-Groups": "sales,everyone"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(names["app"]), base_url="http://agent") as client:
        answer = await client.get("/", headers=headers)
        assert answer.json() | {"your_groups": ["sales", "everyone"]} == {
            "hello": "alice",
            "your_data_is_under": "p_1",
            "your_groups": ["sales", "everyone"],
        }
        assert (await client.get("/")).status_code == 422


@pytest.mark.parametrize(
    "block", [block for block in blocks("shell") if re.search("^sidecar ", block.text, re.MULTILINE)], ids=of
)
def test_every_command_shown_is_one(block: Block) -> None:
    for line in block.text.splitlines():
        if line.startswith("sidecar ") and "--version" not in line:
            words = shlex.split(line.partition(">")[0], comments=True)
            assert cli.parser().parse_args(words[1:]).command


def anchors(target: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("source", PAGES, ids=lambda source: str(source.relative_to(ROOT)))
def test_every_link_leads_somewhere(source: Path) -> None:
    for link in _LINK.findall(_BLOCK.sub("", source.read_text())):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (source.parent / unquote(path)).resolve() if path else source
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        source = waiting.pop()
        if source in reached or source.suffix != ".md":
            continue
        reached.add(source)
        links = (link.partition("#")[0] for link in _LINK.findall(source.read_text()) if "://" not in link)
        waiting += [target for link in links if link and (target := (source.parent / link).resolve()).is_file()]
    decisions = {path for path in PAGES if path.parent.name == "decisions"}
    assert set(PAGES) - reached - decisions == set()
