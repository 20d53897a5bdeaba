import stat
from pathlib import Path

import pytest

from sidecar.vault.intents import Intents


def test_what_was_asked_and_answered_is_left_until_it_ends(tmp_path: Path) -> None:
    intents = Intents(tmp_path / "refreshes")
    assert list(intents.left()) == []
    intent = intents.begin("one", b"asked")
    (left,) = intents.left()
    assert (left.asked, left.answered) == (b"asked", b"")
    intent.answered(b"answered")
    (left,) = intents.left()
    assert (left.asked, left.answered) == (b"asked", b"answered")
    intent.end()
    intent.end()

    assert list(intents.left()) == []


def test_what_is_left_may_be_ended_later(tmp_path: Path) -> None:
    intents = Intents(tmp_path)
    intents.begin("one", b"asked").close()
    intents.begin("two", b"asked").close()
    for left in intents.left():
        left.end()
        left.end()

    assert list(intents.left()) == []


@pytest.mark.parametrize("length", range(len(b"1234asked1234answered")))
def test_what_was_not_written_in_full_is_not_there(tmp_path: Path, length: int) -> None:
    intents = Intents(tmp_path)
    intent = intents.begin("one", b"asked")
    intent.answered(b"answered")
    intent.close()
    path = tmp_path / "one.refresh"
    path.write_bytes(path.read_bytes()[:length])

    (left,) = intents.left()
    assert left.asked == (b"asked" if length >= 9 else b"")
    assert left.answered == b""


def test_they_are_their_users_alone_and_show_nothing(tmp_path: Path) -> None:
    intents = Intents(tmp_path / "refreshes")
    intents.begin("one", b"asked").close()
    (left,) = intents.left()

    assert stat.S_IMODE(left.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(left.path.parent.stat().st_mode) == 0o700
    assert "b'asked'" not in repr(left)


def test_a_folder_that_can_not_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "refreshes").write_text("a file")

    with pytest.raises(OSError, match="exists"):
        Intents(tmp_path / "refreshes").begin("one", b"asked")


def test_what_can_not_be_written_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "one.refresh").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space"):
        Intents(tmp_path).begin("one", b"asked")

    assert list(tmp_path.iterdir()) == []


def test_another_file_in_the_folder_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")

    assert list(Intents(tmp_path).left()) == []
