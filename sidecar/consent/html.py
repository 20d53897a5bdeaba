"""HTML in which nothing that came from outside can be anything but text. Pure."""

import re
from collections.abc import Iterable
from html import escape

_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
"""Control characters, and those that turn the direction of what stands beside them or aren't seen at all."""
MOST_SHOWN = 80


class Html(str):
    """What may stand in a page as it is."""

    __slots__ = ()


def html(template: str, /, **values: object) -> Html:
    """*template* with every ``{name}`` filled in: ``Html`` as it is, all else as text. Attributes have to stand in
    double quotes."""
    return Html(template.format(**{name: _safe(value) for name, value in values.items()}))


def joined(parts: Iterable[Html]) -> Html:
    return Html("".join(parts))


def shown(text: str) -> str:
    """*text*, which a stranger may have chosen, as it may be shown: short, and in one direction."""
    clean = _UNSEEN.sub("", text).strip()
    return clean if len(clean) <= MOST_SHOWN else clean[: MOST_SHOWN - 1] + "…"


def _safe(value: object) -> str:
    if isinstance(value, Html):
        return value
    return "" if value is None else escape(str(value), quote=True)
