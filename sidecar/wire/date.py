"""The time of an answer: ``Date`` (RFC 9110, section 5.6.7), which is the same for a whole second. Pure."""

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def date(now: float) -> str:
    """*now*, epoch seconds, as an IMF-fixdate: in English, whatever the locale."""
    from datetime import UTC, datetime

    at = datetime.fromtimestamp(now, UTC)
    return f"{_DAYS[at.weekday()]}, {at.day:02} {_MONTHS[at.month - 1]} {at.year:04} {at:%H:%M:%S} GMT"


class Dates:
    """Made once a second, however many answers there are."""

    __slots__ = ("_made", "_second")

    def __init__(self) -> None:
        self._second, self._made = -1, b""

    def at(self, now: float) -> bytes:
        second = int(now)
        if second != self._second:
            self._second, self._made = second, date(second).encode()
        return self._made
