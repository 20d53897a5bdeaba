"""Durations and sizes."""

from datetime import timedelta

import pytest

from sidecar.settings import measures
from sidecar.settings.problem import Misfit


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250ms", 0.25),
        ("0s", 0),
        ("30s", 30),
        ("10m", 600),
        ("1h", 3600),
        ("400d", 34_560_000),
        ("36525d", 3_155_760_000),
    ],
)
def test_a_duration_is_read_as_seconds(text: str, seconds: float) -> None:
    assert measures.duration(text) == seconds
    assert measures.span(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "what", "mend"),
    [
        ("30", "has no unit", "Say the unit: 30s, 30m, …"),
        ("30 s", "is not a duration", "Write a whole number and ms, s, m, h or d, such as 30s."),
        ("1.5h", "is not a duration", "Write a whole number and ms, s, m, h or d, such as 30s."),
        ("-1s", "is not a duration", "Write a whole number and ms, s, m, h or d, such as 30s."),
        ("30S", "is not a duration", "Write a whole number and ms, s, m, h or d, such as 30s."),
        ("1h30m", "is not a duration", "Write a whole number and ms, s, m, h or d, such as 30s."),
        ("٣s", "is not a duration", "Write a whole number and ms, s, m, h or d, such as 30s."),
        ("36526d", "is longer than a hundred years", "Write a shorter time."),
    ],
)
def test_what_is_no_duration_is_refused_with_a_remedy(text: str, what: str, mend: str) -> None:
    for parse in (measures.duration, measures.positive, measures.span):
        with pytest.raises(Misfit) as refused:
            parse(text)
        assert (refused.value.what, refused.value.mend) == (what, mend)


def test_a_duration_above_zero_is_above_zero() -> None:
    assert measures.positive("1ms") == 0.001
    with pytest.raises(Misfit, match="is no time at all"):
        measures.positive("0h")


@pytest.mark.parametrize(
    ("text", "count"), [("0B", 0), ("512B", 512), ("32KiB", 32_768), ("64MiB", 67_108_864), ("2GiB", 2_147_483_648)]
)
def test_a_size_is_read_as_bytes(text: str, count: int) -> None:
    assert measures.size(text) == count


@pytest.mark.parametrize(
    ("text", "what", "mend"),
    [
        ("32", "has no unit", "Say the unit: 32B, 32KiB, 32MiB."),
        ("32KB", "is not a size", "Write a whole number and B, KiB, MiB or GiB, such as 32KiB."),
        ("32 KiB", "is not a size", "Write a whole number and B, KiB, MiB or GiB, such as 32KiB."),
        ("1.5MiB", "is not a size", "Write a whole number and B, KiB, MiB or GiB, such as 32KiB."),
        ("32kib", "is not a size", "Write a whole number and B, KiB, MiB or GiB, such as 32KiB."),
    ],
)
def test_what_is_no_size_is_refused_with_a_remedy(text: str, what: str, mend: str) -> None:
    with pytest.raises(Misfit) as refused:
        measures.size(text)
    assert (refused.value.what, refused.value.mend) == (what, mend)


def test_a_size_within_bounds_is_within_them() -> None:
    between = measures.SizeBetween("1KiB", "1MiB")
    assert (between("1KiB"), between("1MiB")) == (1024, 1_048_576)
    for text in ("1023B", "2MiB"):
        with pytest.raises(Misfit, match="is not from 1KiB to 1MiB"):
            between(text)
