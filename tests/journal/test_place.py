"""One sidecar for one ``state.dir``; whoever comes second is told."""

import errno
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from sidecar.journal.place import Place, Unusable, explain

HOLD = """
import sys
from contextlib import suppress
from pathlib import Path
from sidecar.journal.place import Place
place = Place.take(Path(sys.argv[1]))
print(place.instance, flush=True)
sys.stdin.read()
"""


def test_the_folders_are_private(tmp_path: Path) -> None:
    place = Place.take(tmp_path / "deep" / "state")
    for folder in (tmp_path / "deep" / "state", place.rings, place.logs):
        assert folder.stat().st_mode & 0o777 == 0o700
    assert (place.rings / "lock").stat().st_mode & 0o777 == 0o600
    place.leave()


def test_another_process_holds_it_until_it_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        instance = other.stdout.readline().strip()
        with pytest.raises(Unusable, match=rf"in use by another sidecar \(process {other.pid}\); give each sidecar"):
            Place.take(tmp_path)
        other.kill()
        other.wait()
    place = Place.take(tmp_path)
    assert place.instance == instance
    place.leave()


def test_the_instance_is_the_same_after_a_restart_and_another_elsewhere(tmp_path: Path) -> None:
    instances = []
    for folder in ("one", "one", "two"):
        place = Place.take(tmp_path / folder)
        instances.append(place.instance)
        place.leave()
    assert instances[0] == instances[1] != instances[2]
    assert len(instances[0]) == 32


def test_a_place_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError) as caught:
        Place.take(tmp_path / "file" / "state")
    assert "check state.dir and its rights" in str(explain(tmp_path, 1, caught.value))


def test_a_lock_that_cannot_be_written_is_let_go(tmp_path: Path, small_disk: Path) -> None:
    place = Place.take(small_disk)
    place.leave()
    os.truncate(small_disk / "journal" / "lock", 0)
    filler = small_disk / "filler"
    with suppress(OSError):  # which says that the disk is full now
        filler.write_bytes(bytes(2 << 20))
    with pytest.raises(OSError, match="No space"):
        Place.take(small_disk)
    filler.unlink()
    Place.take(small_disk).leave()


def test_no_space_is_explained() -> None:
    text = str(explain(Path("/state"), 64 << 20, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))))
    assert "no space for the journal of 67108864 bytes" in text
    assert "audit.journal" in text
