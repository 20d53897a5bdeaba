"""A secret doesn't leave by accident."""

import copy
import json
import logging
import pickle

import pytest

from sidecar.secret import Secret

SECRET = Secret("hunter2")


def test_only_reveal_gives_the_value() -> None:
    assert SECRET.reveal() == "hunter2"
    for text in (
        str(SECRET),
        repr(SECRET),
        f"{SECRET}",
        f"{SECRET!r:>20}",
        repr([SECRET]),
        repr({"a": SECRET}),
    ):
        assert "hunter2" not in text


def test_it_is_not_in_logs_or_tracebacks(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("test").error("with %s", SECRET, exc_info=ValueError(SECRET))
    assert "hunter2" not in caplog.text


def test_it_cannot_be_written_out() -> None:
    for write in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            write(SECRET)
    with pytest.raises(TypeError):
        json.dumps(SECRET)


def test_secrets_are_compared_by_value_and_to_secrets_alone() -> None:
    assert Secret("hunter2") == SECRET
    assert Secret("hunter3") != SECRET
    assert Secret("é") == Secret("é")
    assert SECRET != "hunter2"


def test_a_secret_is_no_key() -> None:
    with pytest.raises(TypeError):
        hash(SECRET)
