"""What shows only when parts of a configuration are compared."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from sidecar.settings.settings import Settings


class Finding(NamedTuple):
    """Something that is wrong, at *path*."""

    path: str
    what: str
    mend: str
    about: tuple[str, ...] = ()
    """The other paths that it rests on: where one of them is wrong itself, the finding isn't reported."""


Check = Callable[[Settings], Iterator[Finding]]
