"""Which store a ``vault.url`` means."""

from collections.abc import Callable, Mapping
from pathlib import Path

from sidecar.secret import Secret
from sidecar.vault.store import Store

NAME = "vault.db"
"""Of the file in ``state.dir``, where no URL is given."""


def store(url: Secret | None, state_dir: Path) -> Store:
    """Nothing is opened, and nobody called, before it is used."""
    text = f"sqlite:{state_dir / NAME}" if url is None else url.reveal()
    scheme, _, rest = text.partition(":")
    return STORES[scheme](text, rest)


def _sqlite(_url: str, path: str) -> Store:
    from sidecar.vault.sqlite import SqliteStore

    return SqliteStore(Path(path))


def _postgres(url: str, _rest: str) -> Store:
    from sidecar.vault.postgres import PostgresStore

    return PostgresStore(Secret(url))


STORES: Mapping[str, Callable[[str, str], Store]] = {
    "sqlite": _sqlite,
    "postgresql": _postgres,
    "postgres": _postgres,
}
"""By the URL's scheme; each imports what it takes."""
