"""Hours: which moments are within them, at which place, and which texts are none."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.policy.hours import DAYS, EXAMPLE, Hours, Unreadable
from tests.fuzzing import examples

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)


def moment(day: str, time: str) -> float:
    """Of the week that begins on *MONDAY*, in UTC."""
    hour, minute = map(int, time.split(":"))
    return (MONDAY + timedelta(days=DAYS.index(day), hours=hour, minutes=minute)).timestamp()


@pytest.mark.parametrize(
    ("hours", "within", "without"),
    [
        ("08:00-18:00", ["mon 08:00", "sun 17:59"], ["mon 07:59", "sun 18:00"]),
        ("08:30-09:15", ["mon 08:30", "sun 09:14"], ["mon 08:29", "sun 09:15"]),
        ("mon-fri 08:00-18:00", ["mon 08:00", "fri 17:59"], ["sat 12:00", "sun 12:00", "fri 18:00"]),
        ("wed 00:00-24:00", ["wed 00:00", "wed 23:59"], ["tue 23:59", "thu 00:00"]),
        ("fri-mon 09:00-10:00", ["fri 09:00", "sat 09:00", "sun 09:00", "mon 09:00"], ["tue 09:00", "thu 09:00"]),
        ("sun-sun 09:00-10:00", ["sun 09:30"], ["sat 09:30", "mon 09:30"]),
        ("22:00-06:00", ["mon 22:00", "tue 05:59", "mon 00:00"], ["mon 06:00", "mon 21:59"]),
        ("fri 22:00-06:00", ["fri 22:00", "sat 05:59"], ["fri 05:59", "sat 06:00", "sat 22:00"]),
        ("sun 22:00-06:00", ["sun 22:00", "mon 05:59"], ["sun 05:59", "mon 06:00"]),
        ("fri 22:00-24:00", ["fri 22:00", "fri 23:59"], ["sat 00:00", "fri 21:59"]),
        ("mon 08:00-09:00 UTC", ["mon 08:00"], ["mon 09:00"]),
        ("mon 08:00-09:00 Europe/Berlin", ["mon 07:00", "mon 07:59"], ["mon 08:00", "mon 06:59"]),
        ("mon 00:00-01:00 Europe/Berlin", ["sun 23:00"], ["mon 00:00", "mon 23:30"]),
        ("mon 20:00-21:00 America/New_York", ["tue 01:00"], ["mon 20:00"]),
        ("mon 12:00-13:00 Asia/Kolkata", ["mon 06:30", "mon 07:29"], ["mon 06:29", "mon 07:30"]),
    ],
)
def test_hours_hold_from_their_beginning_up_to_their_end(hours: str, within: list[str], without: list[str]) -> None:
    parsed = Hours.parse(hours)
    assert [each for each in within if not parsed.hold(moment(*each.split()))] == []
    assert [each for each in without if parsed.hold(moment(*each.split()))] == []


def test_hours_follow_the_clocks_of_their_place_through_the_year() -> None:
    hours = Hours.parse("08:00-09:00 Europe/Berlin")
    assert hours.hold(datetime(2026, 1, 15, 7, 30, tzinfo=UTC).timestamp())
    assert hours.hold(datetime(2026, 7, 15, 6, 30, tzinfo=UTC).timestamp())
    assert not hours.hold(datetime(2026, 7, 15, 7, 30, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("text", "what", "mend"),
    [
        *((text, "is not hours such as", EXAMPLE) for text in ("", "8-18", "mon", "08:00-25:00", "24:00-08:00")),
        *((text, "is not hours such as", EXAMPLE) for text in ("mon-fri", "Mon 08:00-09:00", "mon,tue 08:00-09:00")),
        *((text, "is not hours such as", EXAMPLE) for text in ("08:00-09:00 ", " 08:00-09:00", "08:00-09:00 a b")),
        *((text, "is not hours such as", EXAMPLE) for text in ("08:60-09:00", "08:00 - 09:00", "08:00-09:00 ../etc")),
        ("08:00-08:00", "ends when it begins", "00:00-24:00"),
        ("08:00-09:00 Europe/Berlln", "names a time zone that this machine does not know", "tzdata"),
        ("08:00-09:00 /etc/passwd", "names a time zone that this machine does not know", "tzdata"),
        ("08:00-09:00 Europe", "names a time zone that this machine does not know", "tzdata"),
    ],
)
def test_a_text_that_is_no_hours_is_refused(text: str, what: str, mend: str) -> None:
    with pytest.raises(Unreadable) as refused:
        Hours.parse(text)
    assert str(refused.value).startswith(what)
    assert mend in refused.value.mend


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("08:00-18:00", "mon,tue,wed,thu,fri,sat,sun 08:00-18:00 UTC"),
        ("sat-sun 22:45-24:00 Europe/Berlin", "sat,sun 22:45-24:00 Europe/Berlin"),
    ],
)
def test_hours_can_be_said(text: str, said: str) -> None:
    assert str(Hours.parse(text)) == said


_days = st.sampled_from(DAYS)
_minutes = st.integers(0, 24 * 60 - 1)


def _text(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


@examples(100)
@given(_days, _days, _minutes, _minutes, st.integers(0, 7 * 24 * 60 - 1))
def test_of_two_times_either_the_one_to_the_other_or_the_other_to_the_one_holds(
    first: str, last: str, begins: int, ends: int, at: int
) -> None:
    if begins == ends:
        return
    now = MONDAY.timestamp() + at * 60
    one, other = f"{_text(begins)}-{_text(ends)}", f"{_text(ends)}-{_text(begins)}"
    assert Hours.parse(one).hold(now) is not Hours.parse(other).hold(now)
    if Hours.parse(f"{first}-{last} {one}").hold(now):
        assert Hours.parse(one).hold(now)


@examples(50)
@given(st.text())
def test_whatever_the_text_it_is_hours_or_refused(text: str) -> None:
    try:
        hours = Hours.parse(text)
    except Unreadable:
        return
    assert isinstance(hours.hold(0.0), bool)
