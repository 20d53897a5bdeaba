"""Cedar's expressions as text: literals, and what is made of several. Pure.

What is known beforehand never comes into the text: ``TRUE`` and ``FALSE`` are worked out as it is put together.
"""

import re
from collections.abc import Collection, Iterable
from typing import NamedTuple


class Expression(NamedTuple):
    text: str
    binds: int
    """How closely: 3 a member or a call, 2 a comparison, 1 ``&&``, 0 ``||`` and ``if``."""


TRUE, FALSE = Expression("true", 3), Expression("false", 3)

_ESCAPED = {'"': '\\"', "\\": "\\\\"}


def _escaped(text: str) -> str:
    return "".join(_ESCAPED.get(each) or (each if each.isprintable() else f"\\u{{{ord(each):x}}}") for each in text)


def string(text: str) -> str:
    """*text* as a literal. What Cedar can't hold, it holds as ``plain`` has it."""
    return f'"{_escaped(plain(text))}"'


def like(texts: Iterable[str]) -> str:
    """A pattern: *texts* with anything between them."""
    return '"' + "*".join(_escaped(plain(text)).replace("*", "\\*") for text in texts) + '"'


_UNFIT = re.compile("[\x00\ud800-\udfff]")


def plain(text: str) -> str:
    """*text* without lone surrogates, which Cedar's strings can't have: a NUL and four digits stand for one, and for a
    NUL. No two texts become the same."""
    return text if text.isascii() and "\0" not in text else _UNFIT.sub(lambda found: f"\0{ord(found[0]):04x}", text)


def entity(kind: str, name: str) -> str:
    return f"{kind}::{string(name)}"


def listed(texts: Collection[str]) -> str:
    """A set of literals, in order."""
    return f"[{', '.join(string(text) for text in sorted(texts))}]"


def one_of(value: str, named: Collection[str]) -> Expression:
    """Whether the text *value* is one of *named*."""
    if not named:
        return FALSE
    if len(named) == 1:
        return Expression(f"{value} == {string(next(iter(named)))}", 2)
    return Expression(f"{listed(named)}.contains({value})", 3)


def any_of(values: str, named: Collection[str]) -> Expression:
    """Whether the set *values* holds one of *named*."""
    if not named:
        return FALSE
    if len(named) == 1:
        return Expression(f"{values}.contains({string(next(iter(named)))})", 3)
    return Expression(f"{values}.containsAny({listed(named)})", 3)


def within(values: str, named: Collection[str]) -> Expression:
    """Whether the set *values* holds nothing but what is *named*. Cedar takes no empty set for a literal."""
    return Expression(f"{listed(named)}.containsAll({values})" if named else f"{values}.isEmpty()", 3)


def both(parts: Iterable[Expression]) -> Expression:
    kept = [part for part in parts if part != TRUE]
    if FALSE in kept:
        return FALSE
    if not kept:
        return TRUE
    return kept[0] if len(kept) == 1 else Expression(" && ".join(_bound(part, 1) for part in kept), 1)


def either(parts: Iterable[Expression]) -> Expression:
    kept = [part for part in parts if part != FALSE]
    if TRUE in kept:
        return TRUE
    if not kept:
        return FALSE
    return kept[0] if len(kept) == 1 else Expression(" || ".join(_bound(part, 1) for part in kept), 0)


def negated(part: Expression) -> Expression:
    if part in (TRUE, FALSE):
        return FALSE if part == TRUE else TRUE
    return Expression(f"!{_bound(part, 3)}", 3)


def choice(condition: str, then: Expression, otherwise: Expression) -> Expression:
    """Cedar's validator sees only behind an ``if`` that what may be missing is there."""
    return Expression(f"if {condition} then {_bound(then, 0)} else {_bound(otherwise, 0)}", 0)


def _bound(part: Expression, least: int) -> str:
    return part.text if part.binds >= least else f"({part.text})"
