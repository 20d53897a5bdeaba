import subprocess
import sys
from pathlib import Path

import pytest

from sidecar.secret import Secret
from sidecar.vault.postgres import PostgresStore
from sidecar.vault.sqlite import SqliteStore
from sidecar.vault.stores import store


def databases(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.suffix == ".db"]


async def test_without_a_url_it_is_a_file_in_the_state_directory(tmp_path: Path) -> None:
    made = store(None, tmp_path)
    assert isinstance(made, SqliteStore)
    await made.keys()
    await made.close()

    assert databases(tmp_path) == ["vault.db"]


async def test_a_file_is_where_the_url_says(tmp_path: Path) -> None:
    made = store(Secret(f"sqlite:{tmp_path}/mine"), tmp_path / "elsewhere")
    await made.keys()
    await made.close()

    assert (tmp_path / "mine").exists()


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_postgresql_is_for_fleets(scheme: str, tmp_path: Path) -> None:
    assert isinstance(store(Secret(f"{scheme}://user@host/db"), tmp_path), PostgresStore)


def test_no_driver_is_loaded_before_it_is_needed() -> None:
    say = "import sys; before = set(sys.modules); "  # what measures coverage has loaded one already
    say += "import sidecar.vault.stores, sidecar.vault.postgres, sidecar.vault.vault; "
    say += "print(bool({'asyncpg', 'sqlite3'} & (set(sys.modules) - before)))"
    done = subprocess.run([sys.executable, "-c", say], check=True, capture_output=True, text=True)

    assert done.stdout == "False\n"
