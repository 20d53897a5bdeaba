"""What a Dockerfile says: its stages and their instructions. As much of the language as ours speaks."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Instruction:
    """``word`` in capitals; ``flags`` as in ``--from=build``; the rest as it stands."""

    word: str
    flags: dict[str, str]
    rest: str

    @property
    def exec_form(self) -> list[str]:
        """The JSON list that the rest is, or ends with."""
        read: list[str] = json.loads(self.rest[self.rest.index("[") :])
        return read

    @property
    def words(self) -> list[str]:
        return self.rest.split()

    @property
    def pairs(self) -> dict[str, str]:
        """The rest as ``NAME=value`` (ENV, LABEL, ARG)."""
        found = re.findall(r'([\w.]+)=("(?:[^"])*"|\S*)', self.rest)
        return {name: value.strip('"') for name, value in found}


@dataclass(frozen=True, slots=True)
class Stage:
    """From ``FROM`` to the next."""

    name: str
    base: str
    instructions: Sequence[Instruction]

    def all(self, word: str) -> list[Instruction]:
        return [instruction for instruction in self.instructions if instruction.word == word]

    def last(self, word: str) -> Instruction:
        return self.all(word)[-1]


def stages(path: Path) -> list[Stage]:
    """The stages, in order; one without a name is named by its number."""
    read: list[tuple[str, str, list[Instruction]]] = []
    for instruction in _instructions(path.read_text()):
        if instruction.word == "FROM":
            base, *named = instruction.words
            read.append((named[1] if named else str(len(read)), base, []))
        else:
            read[-1][2].append(instruction)
    return [Stage(*one) for one in read]


def _instructions(text: str) -> Iterator[Instruction]:
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for whole in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        if not whole.strip():
            continue
        word, rest = whole.strip().split(maxsplit=1)
        flags: dict[str, str] = {}
        while found := re.match(r"--(\w[\w-]*)=(\S+)\s+", rest):
            flags[found[1]] = found[2]
            rest = rest[found.end() :]
        yield Instruction(word.upper(), flags, rest)


def context(root: Path) -> list[Path]:
    """The files that a build is given: what ``.dockerignore`` leaves, by the last pattern that matches."""
    lines = (root / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    return [path for path in _kept(root, root, patterns) if path.is_file()]


def _kept(folder: Path, root: Path, patterns: Sequence[str]) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        verdicts = [not pattern.startswith("!") for pattern in patterns if _matches(path.relative_to(root), pattern)]
        if verdicts and verdicts[-1]:
            continue
        yield path
        if path.is_dir():
            yield from _kept(path, root, patterns)


def _matches(path: Path, pattern: str) -> bool:
    """A pattern holds for what it names and all below that; ``**/`` for any depth, none included."""
    wanted = pattern.removeprefix("!")
    whole = [path, *path.parents[:-1]]
    if wanted.startswith("**/"):
        return any(one.name == wanted[3:] for one in whole)
    return any(str(one) == wanted or (wanted == "*" and "/" not in str(one)) for one in whole)
