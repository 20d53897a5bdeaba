"""What is wrong with a configuration: a path, a place, a sentence and its remedy. None of them ever holds a secret."""

import re
from typing import NamedTuple

_USERINFO = re.compile(r"//[^/?#]*@")
_MOST_QUOTED = 60


class Problem(NamedTuple):
    """One thing that is wrong. ``line`` counts from 1; 0 where the problem is with the file as a whole."""

    path: str
    """The key, as in ``issuers.shop.client_ids`` or ``inbound.public[2]``; empty for the file as a whole."""
    file: str
    line: int
    what: str
    mend: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return "  ".join(part for part in (place, self.path, self.what) if part) + f"\n    {self.mend}"

    def as_json(self) -> dict[str, str | int]:
        """The problem as one JSON object, for ``sidecar check --json``."""
        return self._asdict()


class Problems(Exception):
    """Every problem of one file, in the order of its lines, and what else there was to say about it."""

    def __init__(self, problems: tuple[Problem, ...], notes: tuple[str, ...] = ()) -> None:
        super().__init__(problems)
        self.problems = problems
        self.notes = notes

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


class Misfit(Exception):
    """A value doesn't fit its key.

    ``what`` is what is said of the value (``is not a duration``); the reader puts the value before it where that may be shown.
    ``key`` names the key below the one that is being read, where the fault lies in how several keys go together.
    """

    def __init__(self, what: str, mend: str, key: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.mend = mend
        self.key = key


class Misfits(Misfit):
    """Several at once, each with its key."""

    def __init__(self, parts: tuple[Misfit, ...]) -> None:
        super().__init__("; ".join(part.what for part in parts), "")
        self.parts = parts


class Absent(Misfit):
    """A variable or a file that this machine lacks: a problem where the sidecar is to run, a note where the file is only checked."""


def quoted(text: str) -> str:
    """*text* as a message may show it: on one line, cut, without what a URL says before its ``@``."""
    shown = _USERINFO.sub("//…@", text)
    shown = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in shown)
    return f'"{shown[:_MOST_QUOTED]}…"' if len(shown) > _MOST_QUOTED else f'"{shown}"'


def nearest(name: str, names: "list[str]") -> str | None:
    """The one of *names* that was probably meant by *name*."""
    from difflib import get_close_matches  # 3 ms that only a mistake has to pay

    close = get_close_matches(name, names, n=1, cutoff=0.6)
    return close[0] if close else None
