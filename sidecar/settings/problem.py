"""What is wrong with a configuration: a path, a place, a sentence and its remedy. None of them ever holds a secret."""

import re
from collections.abc import Iterable
from typing import NamedTuple

_MOST_QUOTED = 60


class Problem(NamedTuple):
    """One thing that is wrong."""

    path: str
    """The key, as in ``issuers.shop.client_ids`` or ``inbound.public[2]``; empty for the file as a whole."""
    file: str
    line: int
    """From 1; 0 for the file as a whole."""
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

    ``what`` is what is said of the value (``is not a duration``); where it may be shown, it is put before that.
    """

    def __init__(self, what: str, mend: str, key: str = "", about: tuple[str, ...] = ()) -> None:
        super().__init__(what)
        self.what = what
        self.mend = mend
        self.key = key
        """The key below the one that is being read, where the fault lies in how several go together."""
        self.about = about
        """The other keys that it rests on: where one of them is wrong itself, nothing is said."""


class Misfits(Exception):
    """Several at once, about keys of one table that don't go together."""

    def __init__(self, parts: Iterable[Misfit]) -> None:
        super().__init__()
        self.parts = tuple(parts)


class Absent(Misfit):
    """A variable or a file that this machine lacks: a problem where the sidecar runs, a note where it is checked."""


def quoted(text: str) -> str:
    """*text* as a message may show it: on one line, cut, and without what a URL says before its ``@``."""
    shown = printable(re.sub("//[^/?#]*@", "//…@", text))
    return f'"{shown[:_MOST_QUOTED]}…"' if len(shown) > _MOST_QUOTED else f'"{shown}"'


def printable(text: str) -> str:
    return text if text.isprintable() else "".join(one if one.isprintable() else "\ufffd" for one in text)


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The one of *names* that was probably meant by *name*."""
    from difflib import get_close_matches  # only a mistake has to pay for it

    close = get_close_matches(name, names, n=1, cutoff=0.6)
    return close[0] if close else None
