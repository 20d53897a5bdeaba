"""Drawings, which say nothing that isn't said in words."""

import pytest

from sidecar.consent import icons


@pytest.mark.parametrize(("name", "letter"), [("google", "G"), ("  ünal", "Ü"), ("<x>", "X"), ("…", "?"), ("", "?")])
def test_a_tile_is_the_first_letter(name: str, letter: str) -> None:
    assert f">{letter}</span>" in icons.tile(name)


def test_none_of_them_is_read_out() -> None:
    for drawing in (icons.TICK, icons.DASH, icons.CROSS, icons.WARNING, icons.LINK, icons.pair("a", "b")):
        assert 'aria-hidden="true"' in drawing
    assert icons.TICK in icons.mark(icons.TICK, "good")
