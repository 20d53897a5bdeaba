"""Durations and sizes, which always say their unit."""

import re
from datetime import timedelta

from sidecar.settings.problem import Misfit

DURATION = "[0-9]{1,9}(ms|s|m|h|d)"
SIZE = "[0-9]{1,9}(B|KiB|MiB|GiB)"
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_MOST_SECONDS = 36525 * 86400.0


def duration(text: str) -> float:
    """Seconds, at most a hundred years. Raise ``Misfit``."""
    if re.fullmatch("[0-9]{1,9}", text):
        raise Misfit("has no unit", f"Say the unit: {text}s, {text}m, …")
    found = re.fullmatch(DURATION, text)
    if found is None:
        raise Misfit("is not a duration", "Write a whole number and ms, s, m, h or d, such as 30s.")
    seconds = int(text.removesuffix(found[1])) * _SECONDS[found[1]]
    if seconds > _MOST_SECONDS:
        raise Misfit("is longer than a hundred years", "Write a shorter time.")
    return seconds


def positive(text: str) -> float:
    """A duration above zero, in seconds. Raise ``Misfit``."""
    seconds = duration(text)
    if not seconds:
        raise Misfit("is no time at all", "Write a time above zero.")
    return seconds


def span(text: str) -> timedelta:
    return timedelta(seconds=duration(text))


def size(text: str) -> int:
    """Bytes. Raise ``Misfit``."""
    if re.fullmatch("[0-9]{1,9}", text):
        raise Misfit("has no unit", f"Say the unit: {text}B, {text}KiB, {text}MiB.")
    found = re.fullmatch(SIZE, text)
    if found is None:
        raise Misfit("is not a size", "Write a whole number and B, KiB, MiB or GiB, such as 32KiB.")
    return int(text.removesuffix(found[1])) * _BYTES[found[1]]


class SizeBetween:
    """Sizes within bounds."""

    def __init__(self, least: str, most: str) -> None:
        self.least, self.most = least, most

    def __call__(self, text: str) -> int:
        """Raise ``Misfit``."""
        given = size(text)
        if not size(self.least) <= given <= size(self.most):
            raise Misfit(f"is not from {self.least} to {self.most}", f"Write a size from {self.least} to {self.most}.")
        return given
