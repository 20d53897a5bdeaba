from datetime import UTC, datetime
from email.utils import format_datetime

from hypothesis import given
from hypothesis import strategies as st

from sidecar.wire.date import Dates, date


def test_it_is_the_example_of_the_standard() -> None:
    assert date(784111777.9) == "Sun, 06 Nov 1994 08:49:37 GMT"  # RFC 9110, section 5.6.7


@given(st.integers(min_value=0, max_value=253_402_300_799))
def test_it_is_every_other_readers_date(second: int) -> None:
    assert date(second) == format_datetime(datetime.fromtimestamp(second, UTC), usegmt=True)


def test_it_is_made_once_a_second_and_follows_a_clock_that_is_set_back() -> None:
    dates = Dates()
    first = dates.at(784111777.0)
    assert dates.at(784111777.99) is first
    assert dates.at(784111778.0) == b"Sun, 06 Nov 1994 08:49:38 GMT"
    assert dates.at(784111777.5) == first
