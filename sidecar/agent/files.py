"""What the agent reads: our CA, the bundle of public roots and ours, the agent handle. All in ``run.dir``."""

import logging
import os
import re
import ssl
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from sidecar.agent.environment import BUNDLE, CA, TOKEN
from sidecar.secret import Secret

log = logging.getLogger("sidecar")

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----\s[^-]+-----END CERTIFICATE-----")
_HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+")
"""How OpenSSL names the files of a folder of certificates (openssl-rehash(1))."""
_PUBLIC, _OWN, _GROUP, _GIVEN = 0o644, 0o600, 0o640, 0o400
_GROUPLESS = 0o707


class FilesUnusable(Exception):
    """``run.dir`` can't hold the agent's files; the text says why and what to do."""


def write(run_dir: Path, ca_pem: bytes, bundle: bytes, token: Secret | None) -> None:
    """Put all three where the agent finds them, each at once or not at all; a file that is as it should be stays, with
    its owner. The folder is made where it is missing, for all to enter.

    *token* is for the sidecar's user alone, and for the folder's group where the folder is for its group: closed to
    others, or handing its group on (as a volume with ``fsGroup`` does). ``None``: there is none. Raise
    ``FilesUnusable``.
    """
    try:
        if not run_dir.is_dir():
            run_dir.mkdir(parents=True)
            run_dir.chmod(0o755)  # whatever the umask
        _put(run_dir / CA, ca_pem, _PUBLIC)
        _put(run_dir / BUNDLE, bundle, _PUBLIC)
        if token is None:
            (run_dir / TOKEN).unlink(missing_ok=True)
        else:
            folder = run_dir.stat()
            shared = bool(folder.st_mode & stat.S_IXGRP) and _for_group(folder.st_mode)
            group = folder.st_gid if shared else -1
            _put(run_dir / TOKEN, token.reveal().encode(), _GROUP if shared else _OWN, group)
    except OSError as error:
        if (file := in_the_way(run_dir)) is not None:
            raise FilesUnusable(
                f"{file} is a file, not a folder\n    move it, or set another folder: run.dir"
            ) from error
        raise FilesUnusable(
            f"{error.filename or run_dir} can't be written: {error.strerror or error}\n"
            "    make it writable for the sidecar's user, or set another folder: run.dir"
        ) from error


def in_the_way(folder: Path) -> Path | None:
    """What stands where *folder*, or one above it, has to be, and is no folder."""
    there = next((path for path in (folder, *folder.parents) if os.path.lexists(path)), folder)
    return there if os.path.lexists(there) and not there.is_dir() else None


def _for_group(mode: int) -> bool:
    return bool(mode & stat.S_ISGID) or not mode & stat.S_IXOTH


def give(run_dir: Path, uid: int, gid: int) -> None:
    """Make the agent handle that user's alone, to be read. Raise ``FilesUnusable``."""
    path = run_dir / TOKEN
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fchmod(descriptor, _GIVEN)
            os.fchown(descriptor, uid, gid)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise FilesUnusable(f"{path} can't be given to user {uid}: {error.strerror or error}") from error


def token(run_dir: Path) -> str | None:
    """The agent handle that a sidecar has left there; ``None`` where there is none, or it isn't for us."""
    with suppress(OSError):
        return (run_dir / TOKEN).read_text("ascii", errors="replace") or None
    return None


def remove_token(run_dir: Path) -> None:
    """At the sidecar's end: a handle that is good for nothing misleads whoever finds it."""
    with suppress(OSError):
        (run_dir / TOKEN).unlink(missing_ok=True)


def bundle(ca_pem: bytes, ca_file: Path | None, roots: ssl.DefaultVerifyPaths | None = None) -> bytes:
    """The system's roots, a company's own (*ca_file*) and ours, PEM, each once. Raise ``FilesUnusable`` where *ca_file*
    can't be read. *roots* is where OpenSSL looks, unless told."""
    found = dict.fromkeys(_system(roots or ssl.get_default_verify_paths()))
    if not found:
        log.warning("the system has no public roots: the agent's bundle holds ours alone (install ca-certificates)")
    try:
        own = _CERTIFICATE.findall(ca_file.read_bytes()) if ca_file is not None else []
    except OSError as error:
        raise FilesUnusable(f"tls.ca_file can't be read: {error.strerror or error}") from error
    found |= dict.fromkeys([*own, *_CERTIFICATE.findall(ca_pem)])
    return b"\n".join(found) + b"\n"


def _system(roots: ssl.DefaultVerifyPaths) -> Iterator[bytes]:
    """Both of OpenSSL's places, as it uses both."""
    paths = [Path(roots.cafile)] if roots.cafile else []
    if roots.capath:
        with suppress(OSError):
            paths += sorted(path for path in Path(roots.capath).iterdir() if _HASHED.fullmatch(path.name))
    for path in paths:
        with suppress(OSError):  # a link that leads nowhere: OpenSSL passes it over as well
            yield from _CERTIFICATE.findall(path.read_bytes())


def _put(path: Path, content: bytes, mode: int, group: int = -1) -> None:
    """*mode* is for *group*, which gets nothing where it can't be the file's. Raise ``OSError``."""
    with suppress(OSError):
        there = path.lstat().st_mode
        if stat.S_ISREG(there) and not stat.S_IMODE(there) & ~mode and path.read_bytes() == content:
            return
    written = path.with_name(f".{path.name}-{os.urandom(8).hex()}")
    try:
        with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            try:
                os.fchown(file.fileno(), -1, group)
            except PermissionError:
                mode &= _GROUPLESS
            os.fchmod(file.fileno(), mode)
        written.replace(path)
    except BaseException:
        written.unlink(missing_ok=True)
        raise
