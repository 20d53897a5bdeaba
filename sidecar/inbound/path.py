"""Which rule a request's path selects, and when it can be read in two ways (RFC 3986, sections 2.1 and 6.2)."""

from collections.abc import Iterable, Mapping
from enum import Enum, auto

from sidecar.errors import PathAmbiguous
from sidecar.wire.path import plainest, suspect


class Rule(Enum):
    """What a path is to the front door."""

    PROTECTED = auto()
    PUBLIC = auto()
    OWNED = auto()
    """The sidecar's own."""


class Rules:
    """Exact paths, and prefixes that end at ``/``, compared as raw bytes."""

    __slots__ = ("_exact", "_prefixes")

    def __init__(self, public: Iterable[str], owned: Iterable[str] = ()) -> None:
        rules: dict[bytes, Rule] = {path.encode(): Rule.PUBLIC for path in public}
        rules.update({path.encode(): Rule.OWNED for path in owned})  # what is ours can't be declared the agent's
        self._exact: Mapping[bytes, Rule] = {path: rule for path, rule in rules.items() if not path.endswith(b"/")}
        self._prefixes = sorted(((p, r) for p, r in rules.items() if p.endswith(b"/")), key=lambda each: -len(each[0]))

    def select(self, path: bytes) -> Rule:
        """The rule of *path*, a request's as it came, without its query. Raise ``PathAmbiguous``."""
        if not suspect(path):
            return self._match(path)
        try:
            plain = plainest(path)
        except ValueError as error:
            raise PathAmbiguous(str(error)) from error
        rule = self._match(path)
        if self._match(plain) is not rule:
            raise PathAmbiguous("the path as it came and as it decodes select different rules")
        return rule

    def _match(self, path: bytes) -> Rule:
        exact = self._exact.get(path)
        if exact is not None:
            return exact
        for prefix, rule in self._prefixes:
            if path.startswith(prefix):
                return rule
        return Rule.PROTECTED
