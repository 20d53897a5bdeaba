"""What is taken for an access key."""

import pytest

from sidecar.aws.keys import Keys, keys, moment, rfc3339

ID, SECRET = "ASIAEXAMPLE123456789", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


def test_keys_are_read_with_their_end() -> None:
    read = keys(ID, SECRET, "token/+=", "2026-11-24T13:00:00Z")
    assert (read.id, read.secret.reveal(), read.expires) == (ID, SECRET, 1795525200.0)
    assert read.token is not None
    assert read.token.reveal() == "token/+="


def test_long_lived_keys_have_neither_token_nor_end() -> None:
    assert keys(ID, SECRET) == Keys(ID, keys(ID, SECRET).secret)
    assert keys(ID, SECRET).last(1e12, 1e12)


@pytest.mark.parametrize(
    ("id_", "secret", "token", "expiration"),
    [
        ("", SECRET, None, None),
        ("AKIA EXAMPLE12345678", SECRET, None, None),
        ("AKIAEXAMPLE12345678\r\nX: y", SECRET, None, None),
        ("AKIAÄXAMPLE12345678", SECRET, None, None),
        ("A" * 129, SECRET, None, None),
        (ID, "", None, None),
        (ID, "two words", None, None),
        (ID, SECRET, "token\r\nHost: elsewhere", None),
        (ID, SECRET, "tökén", None),
        (ID, SECRET, "token", "tomorrow"),
    ],
)
def test_what_cannot_be_one_is_refused_without_being_told(
    id_: str, secret: str, token: str | None, expiration: str | None
) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        keys(id_, secret, token, expiration)
    assert not secret or secret not in str(refused.value)
    assert not token or token not in str(refused.value)


def test_no_part_of_them_is_shown() -> None:
    shown = repr(keys(ID, SECRET, "sessiontoken", "2026-11-24T13:00:00Z"))
    assert not [part for part in (ID, SECRET, "sessiontoken") if part in shown]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-24T13:00:00Z", 1795525200.0),
        ("2026-11-24T14:00:00+01:00", 1795525200.0),
        ("2026-11-24T13:00:00", 1795525200.0),
        ("2026-11-24T13:00:00.250Z", 1795525200.25),
    ],
)
def test_times_are_read_as_they_are_written(text: str, seconds: float) -> None:
    assert moment(text) == seconds


def test_times_are_written_in_whole_seconds_of_utc() -> None:
    assert rfc3339(1795525200.9) == "2026-11-24T13:00:00Z"


def test_keys_last_until_shortly_before_their_end() -> None:
    read = keys(ID, SECRET, "token", "2026-11-24T13:00:00Z")
    assert read.last(1795525200.0 - 61, 60.0)
    assert not read.last(1795525200.0 - 60, 60.0)
