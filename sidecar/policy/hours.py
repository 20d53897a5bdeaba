"""When a capability holds: days and times of day, at a place. Pure but for the time zone database."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = f"(?:{'|'.join(DAYS)})"
_TIME = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
FORM = f"(?:({_DAY})(?:-({_DAY}))? )?({_TIME})-({_TIME}|24:00)(?: ([A-Za-z0-9_+/-]{{1,64}}))?"
"""``mon-fri 08:00-18:00 Europe/Berlin``. Without days: every day; without a zone: UTC."""
EXAMPLE = "mon-fri 08:00-18:00 Europe/Berlin"


class Unreadable(ValueError):
    """What is wrong with a text of hours, to be said after it, and how to mend it."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(what)
        self.what, self.mend = what, mend


@dataclass(frozen=True, slots=True)
class Hours:
    """From the one time of day up to, and without, the other; where that is earlier, it is the next day's."""

    days: frozenset[int]
    """On which it begins, Monday is 0."""
    begins: int
    """Minutes since midnight."""
    ends: int
    zone: tzinfo

    @classmethod
    def parse(cls, text: str) -> "Hours":
        """Raise ``Unreadable``, for a zone that this machine doesn't know as well."""
        found = re.fullmatch(FORM, text)
        if found is None:
            raise Unreadable(f"is not hours such as {EXAMPLE}", f"Write it like  {EXAMPLE}")
        first, last, begins, ends, zone = found.groups()
        if begins == ends:
            raise Unreadable("ends when it begins", "Write  00:00-24:00  for the whole day.")
        return cls(_days(first, last), _minutes(begins), _minutes(ends), _zone(zone or "UTC"))

    def hold(self, now: float) -> bool:
        """Whether *now*, in epoch seconds, is within."""
        there = datetime.fromtimestamp(now, self.zone)
        minute, day = there.hour * 60 + there.minute, there.weekday()
        if self.begins < self.ends:
            return day in self.days and self.begins <= minute < self.ends
        return (minute >= self.begins and day in self.days) or (minute < self.ends and (day - 1) % 7 in self.days)

    def __str__(self) -> str:
        days = ",".join(DAYS[day] for day in sorted(self.days))
        return f"{days} {_clock(self.begins)}-{_clock(self.ends)} {self.zone}"


def _days(first: str | None, last: str | None) -> frozenset[int]:
    if first is None:
        return frozenset(range(7))
    begin = DAYS.index(first)
    count = (DAYS.index(last) - begin) % 7 if last is not None else 0
    return frozenset((begin + day) % 7 for day in range(count + 1))


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _zone(name: str) -> tzinfo:
    """Raise ``Unreadable`` where there is no such zone."""
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError) as error:
        mend = "Use a name of the IANA time zone database, such as Europe/Berlin; a machine without it needs tzdata."
        raise Unreadable("names a time zone that this machine does not know", mend) from error
