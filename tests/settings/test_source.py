"""Files and variables, and what is refused of them."""

import os
from pathlib import Path

import pytest

from sidecar.settings.problem import Absent, Misfit
from sidecar.settings.source import MOST_BYTES, Source


@pytest.fixture
def source(tmp_path: Path) -> Source:
    (tmp_path / "sidecar.yaml").write_text("agent: {}")
    return Source(tmp_path / "sidecar.yaml", {"NAME": "value", "EMPTY": ""})


def test_the_configuration_is_read_as_utf_8_with_or_without_a_mark(source: Source, tmp_path: Path) -> None:
    assert source.configuration() == "agent: {}"
    (tmp_path / "sidecar.yaml").write_bytes("\ufeffagent: {} # größer".encode())
    assert source.configuration() == "agent: {} # größer"


def test_a_variable_is_read_and_remembered(source: Source) -> None:
    assert source.variable("NAME") == "value"
    assert source.variable("EMPTY") == ""
    with pytest.raises(Absent, match="needs the variable OTHER, which is not set") as absent:
        source.variable("OTHER")
    assert absent.value.mend == "Set OTHER in the sidecar's environment."
    assert source.variables == {"NAME", "EMPTY", "OTHER"}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("hunter2", "hunter2"),
        ("hunter2\n", "hunter2"),
        ("hunter2\r\n", "hunter2"),
        ("hunter2\n\n", "hunter2\n"),
        ("", ""),
    ],
)
def test_one_line_break_at_a_files_end_is_dropped(source: Source, tmp_path: Path, content: str, text: str) -> None:
    (tmp_path / "secret").write_bytes(content.encode())
    assert source.file("secret") == text


def test_paths_begin_at_the_configurations_folder_and_are_remembered(
    source: Source, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "secret"
    elsewhere.write_text("far")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "secret").write_text("near")
    assert source.file("run/secret") == "near"
    assert source.file(str(elsewhere)) == "far"
    assert source.existing("run/secret") == tmp_path / "run" / "secret"
    assert source.rooted(Path("run/other")) == tmp_path / "run" / "other"
    assert source.files == [tmp_path / "sidecar.yaml", tmp_path / "run" / "secret", elsewhere]


def test_a_link_is_followed(source: Source, tmp_path: Path) -> None:
    (tmp_path / "..data").write_text("mounted")
    (tmp_path / "secret").symlink_to("..data")
    assert source.file("secret") == "mounted"


def test_an_absent_file_is_named(source: Source, tmp_path: Path) -> None:
    for read in (source.file, source.existing):
        with pytest.raises(Absent, match=f"is {tmp_path}/none, which is not there"):
            read("none")


def test_a_file_that_everybody_may_write_to_is_refused(source: Source, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    secret.chmod(0o602)
    for read in (source.file, source.existing):
        with pytest.raises(Misfit, match="which everybody on this machine may write to") as refused:
            read("secret")
        assert refused.value.mend == f"Run  chmod o-w {secret}"
    secret.chmod(0o660)
    assert source.file("secret") == "hunter2"


def test_what_is_no_regular_file_is_refused_at_once(source: Source, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in ("pipe", ".", "/dev/null"):
        with pytest.raises(Misfit, match="which is not a regular file"):
            source.file(path)


def test_a_file_that_cannot_be_read_is_refused_with_the_reason(source: Source, tmp_path: Path) -> None:
    with pytest.raises(Misfit, match="cannot be read: Not a directory"):
        source.file("sidecar.yaml/secret")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(Misfit, match="cannot be read: Too many levels of symbolic links"):
        source.file("loop")
    with pytest.raises(Misfit, match="is not a path"):
        source.file("se\0cret")


def test_a_huge_file_is_refused(source: Source, tmp_path: Path) -> None:
    (tmp_path / "huge").write_bytes(b"x" * MOST_BYTES)
    assert len(source.file("huge")) == MOST_BYTES
    (tmp_path / "huge").write_bytes(b"x" * (MOST_BYTES + 1))
    with pytest.raises(Misfit, match="a file of more than 1 MiB"):
        source.file("huge")


def test_a_file_in_another_encoding_is_refused_with_its_line(source: Source, tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes("first\ngr\u00f6\u00dfer\n".encode("latin-1"))
    with pytest.raises(Misfit, match="which is not UTF-8 in its line 2"):
        source.file("latin")
