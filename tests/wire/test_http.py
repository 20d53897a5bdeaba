"""Our own requests never print what they carry, and heed how long they are asked to wait."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.wire.http import Request, Response, retry_after

NOW = 1795515001.5  # Tue, 24 Nov 2026 10:10:01 GMT


def test_what_they_carry_is_not_printed() -> None:
    request = Request("https://x.example", "POST", {"Authorization": "Basic s3cret"}, b"s3cret")
    assert "s3cret" not in repr(request)
    assert "s3cret" not in repr(Response(200, {}, b"s3cret"))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("7", 7),
        (" 7 ", 7),
        ("0", 1),
        ("3600", 3600),
        ("3601", 3600),
        ("9" * 5000, 3600),
        ("-1", None),
        ("1.5", None),
        ("\u0667", None),
        ("soon", None),
        ("Tue, 24 Nov 2026 10:10:31 GMT", 30),
        ("Tuesday, 24-Nov-26 10:10:31 GMT", 30),
        ("Tue Nov 24 10:10:31 2026", 30),
        ("Tue, 24 Nov 2026 10:09:01 GMT", 1),
        ("Tue, 24 Nov 2099 10:49:01 GMT", 3600),
        ("Tue, 99 Nov 2026 10:49:01 GMT", None),
        ("Tue, 24 Nov 99999999 10:49:01 GMT", None),
    ],
)
def test_how_long_to_wait_is_a_number_or_a_date_within_bounds(value: str | None, seconds: int | None) -> None:
    assert retry_after(value, NOW) == seconds


@given(st.text())
def test_whatever_is_said_of_waiting_is_bounded(value: str) -> None:
    assert (seconds := retry_after(value, NOW)) is None or 1 <= seconds <= 3600
