"""The one root key of a sidecar: all else that is keyed is derived from it, so a fleet that shares it agrees."""

import base64
import os
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sidecar.secret import Secret

BYTES = 32


class KeyUnusable(Exception):
    """The state key can't be used; the text says why and what to do."""


class Root:
    """32 bytes that never leave this object."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        if len(key) != BYTES:
            raise KeyUnusable(f"the state key is {len(key)} bytes; give {BYTES} random bytes, base64-encoded")
        self._key = key

    def derive(self, label: str, length: int = BYTES) -> bytes:
        """A key of its own for each use (RFC 5869, with *label* as info)."""
        return HKDF(hashes.SHA256(), length, salt=None, info=label.encode()).derive(self._key)

    def __repr__(self) -> str:
        return "Root(…)"


def given(key: Secret) -> Root:
    """The key that the configuration gives. Raise ``KeyUnusable``."""
    text = key.reveal()
    if text.startswith(("awskms:", "vault:")):
        raise KeyUnusable(
            "that is the name of a key at a key service, and no key; give 32 random bytes, base64-encoded"
        )
    try:
        return Root(base64.b64decode(text, validate=True))
    except ValueError:  # whose own text and arguments may hold the key
        raise KeyUnusable("the state key is not base64; give 32 random bytes, base64-encoded") from None


def kept(directory: Path) -> Root:
    """The key in *directory*, made when it is first needed, readable by its owner alone. Raise ``KeyUnusable`` or
    ``OSError``."""
    path = directory / "key"
    if not path.exists():
        _make(path)
    if path.stat().st_mode & 0o077:
        raise KeyUnusable(f"{path} can be read by others; run  chmod 600 {path}")
    try:
        return given(Secret(path.read_text(errors="replace").strip()))
    except KeyUnusable as error:
        raise KeyUnusable(f"{path}: {error}, or put back the key that was there") from None


def _make(path: Path) -> None:
    """A new key at *path*, whole or not at all; where another process was first, its key stays."""
    written = path.with_name(f".key-{os.urandom(8).hex()}")
    descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(os.urandom(BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(written, path)
    finally:
        written.unlink()
