"""Our own CA: what the agent's TLS meets on a host that a route leads to.

Its key never leaves this process but sealed: ``ca.sealed`` in ``state.dir`` is a line of JSON (what the certificate is
good for, and the certificate), and behind it a nonce and the key under AES-256-GCM, with that line authenticated. So a
restart doesn't take from the agent what it trusts, and opening it needs no reading of certificates, which is slow to
import. Leaves share one key, made anew at each start.
"""

import json
import os
import ssl
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sidecar.keyring.root import Root

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate

NAME = "ca.sealed"
"""The file's name in ``state.dir``."""
MOST_CONTEXTS = 256
AHEAD = 32
"""For so many hosts contexts are made before they are called: each takes a millisecond, and 22 KB."""

_LABEL = "egress ca"
_NONCE = 12
_DAY = 86_400.0
_SPARE = 365 * _DAY
"""A CA that ends within that time is replaced at the start: no process is expected to run for longer."""
_LEAF_RENEWED = 14 * _DAY
"""After half its life a leaf makes room for a new one."""


class CaUnusable(Exception):
    """The CA can't be kept or opened; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is in the file."""

    hosts: frozenset[str]
    begins: float
    """Epoch seconds, as ``ends``."""
    ends: float
    certificate: str
    """PEM."""
    key: bytes = field(repr=False)
    """PKCS #8, DER."""


@dataclass(frozen=True, slots=True)
class _Leaf:
    context: ssl.SSLContext
    made: float


class Authority:
    """A CA for exactly the host names *hosts*."""

    def __init__(self, kept: _Kept, clock: Callable[[], float], changed: str = "") -> None:
        self.hosts = kept.hosts
        self.pem = kept.certificate.encode()
        self.changed = changed
        """Why the agent's one is no good any more and a new one was made: then it must restart. Empty: it is the same,
        or the first."""
        self._key = kept.key
        self._clock = clock
        self._contexts: OrderedDict[str, _Leaf] = OrderedDict()
        self._ahead: dict[str, _Leaf] = {}
        self._signer: _Signer | None = None

    @classmethod
    def opened(cls, state_dir: Path, root: Root, hosts: frozenset[str], clock: Callable[[], float]) -> "Authority":
        """The one in *state_dir*; a new one where there is none, where *hosts* has a name for which the one there isn't
        good, or before that ends. *hosts* are lower-case A-labels; addresses among them have no certificate here.
        *clock* gives epoch seconds. Raise ``CaUnusable``."""
        path = state_dir / NAME
        names = frozenset(host for host in hosts if not _is_address(host))
        sealing = AESGCM(root.derive(_LABEL))
        now = clock()
        kept = _read(path, sealing)
        changed = _outdated(kept, names, now) if kept is not None else ""
        if kept is None or changed:
            kept = _new(names, now)
            _write(path, sealing, kept)
        return cls(kept, clock, changed)

    def permits(self, host: str) -> bool:
        """Whether a certificate for *host* is signed here."""
        return host in self.hosts

    def prepare(self) -> None:
        """What the first ``context`` would wait for (about 20 ms), ahead of it; from any thread."""
        self._signer = self._signer or _Signer(self.pem, self._key)

    def warm(self) -> None:
        """Make the contexts of some hosts before they are called; from any thread."""
        now = self._clock()
        for host in sorted(self.hosts)[:AHEAD]:
            self._ahead[host] = self._made(host, now)

    def context(self, host: str) -> ssl.SSLContext:
        """The server's side of TLS for *host*, HTTP/1.1 by ALPN. A client that names another server is sent the alert
        ``unrecognized_name`` (RFC 6066, section 3); one that names none gets this one. Raise ``ValueError`` for a host
        that isn't permitted."""
        now = self._clock()
        leaf = self._contexts.get(host) or self._ahead.pop(host, None)
        if leaf is None or not 0 <= now - leaf.made < _LEAF_RENEWED:  # below 0: the clock was put back
            if not self.permits(host):
                raise ValueError(f"{host} is no host of a route: no certificate is signed for it")
            leaf = self._made(host, now)
        self._contexts[host] = leaf
        self._contexts.move_to_end(host)
        if len(self._contexts) > MOST_CONTEXTS:
            self._contexts.popitem(last=False)
        return leaf.context

    def _made(self, host: str, now: float) -> _Leaf:
        self.prepare()
        assert self._signer is not None  # noqa: S101 - prepare has made it
        return _Leaf(_server(host, self._signer.leaf(host, now)), now)


class _Signer:
    """Holds what signing takes. Reading certificates is imported with it."""

    def __init__(self, pem: bytes, key: bytes) -> None:
        from cryptography.hazmat.primitives import serialization
        from cryptography.x509 import load_pem_x509_certificate

        from sidecar.egress import certificates

        self._certificates = certificates
        self._issuer: Certificate = load_pem_x509_certificate(pem)
        self._key: EllipticCurvePrivateKey = serialization.load_der_private_key(key, None)  # type: ignore[assignment]  # sealed by us as one
        own = certificates.new_key()
        self._public = own.public_key()
        self._own = own.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def leaf(self, host: str, now: float) -> bytes:
        """A certificate for *host* and its key, PEM."""
        made = self._certificates.leaf(host, self._public, issuer=self._issuer, key=self._key, now=now)
        return self._certificates.pem(made) + self._own


def _server(host: str, pem: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    # OpenSSL reads certificates from files alone: this one is in memory, and gone with its descriptor.
    descriptor = os.memfd_create("leaf", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, pem)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)

    def named(_tls: object, name: str | None, _context: ssl.SSLContext) -> int | None:
        return None if name is None or name.lower() == host else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME

    context.sni_callback = named
    return context


def _is_address(host: str) -> bool:
    with suppress(ValueError):
        return bool(ip_address(host))
    return False


def _outdated(kept: _Kept, hosts: frozenset[str], now: float) -> str:
    """Why *kept* doesn't do; empty where it does."""
    if new := sorted(hosts - kept.hosts):
        return f"it isn't good for {', '.join(new)}"
    if not kept.begins <= now < kept.ends - _SPARE:
        return "its time is about to end"
    return ""


def _new(hosts: frozenset[str], now: float) -> _Kept:
    from cryptography.hazmat.primitives import serialization

    from sidecar.egress import certificates

    key = certificates.new_key()
    made = certificates.authority(key, hosts, now)
    sealed = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    begins, ends = made.not_valid_before_utc.timestamp(), made.not_valid_after_utc.timestamp()
    return _Kept(hosts, begins, ends, certificates.pem(made).decode(), sealed)


def _read(path: Path, sealing: AESGCM) -> _Kept | None:
    """``None`` where there is none. Raise ``CaUnusable``."""
    try:
        header, _, sealed = path.read_bytes().partition(b"\n")
        key = sealing.decrypt(sealed[:_NONCE], sealed[_NONCE:], header)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CaUnusable(f"{path} can't be read: {error.strerror or error}; let the sidecar's user read it") from error
    except (InvalidTag, ValueError) as error:
        raise CaUnusable(
            f"{path} can't be opened with the state key: it was sealed under another one, or is damaged\n"
            "    give the state.key that it was made with, or remove the file: then a new CA is made, and the agent "
            "has to be started again to trust it"
        ) from error
    said: dict[str, Any] = json.loads(header)  # authenticated: ours
    return _Kept(frozenset(said["hosts"]), said["begins"], said["ends"], said["certificate"], key)


def _write(path: Path, sealing: AESGCM, kept: _Kept) -> None:
    """Whole or not at all, for its owner alone. Raise ``CaUnusable``."""
    told = {"hosts": sorted(kept.hosts), "begins": kept.begins, "ends": kept.ends, "certificate": kept.certificate}
    header = json.dumps(told).encode()
    nonce = os.urandom(_NONCE)
    written = path.with_name(f".{NAME}-{os.urandom(8).hex()}")
    try:
        try:
            with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(header + b"\n" + nonce + sealing.encrypt(nonce, kept.key, header))
                file.flush()
                os.fsync(file.fileno())
            written.replace(path)
        except BaseException:
            written.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise CaUnusable(
            f"{path} can't be written: {error.strerror or error}; check the space and the rights of state.dir"
        ) from error
