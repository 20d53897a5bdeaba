"""What ``sidecar env`` prints, and what it has to say beside it. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sidecar.agent import formats
from sidecar.agent.environment import TOKEN, variables
from sidecar.secret import Secret
from sidecar.wire.endpoint import Endpoint, Unix

FORMATS: Mapping[str, Callable[[Mapping[str, str | None]], str]] = {
    "shell": formats.shell,
    "dotenv": formats.dotenv,
    "json": formats.json,
}
MANIFEST = "kubernetes"


@dataclass(frozen=True, slots=True)
class Known:
    """What the configuration says, and what a running sidecar has left."""

    listen: Endpoint
    """Egress's."""
    run: Path
    """``run.dir``."""
    token: Secret | Literal["off"] | None
    """``agent.token``; ``None`` where it isn't given, or its variable or file isn't here."""
    shared: bool
    """Whether ``agent.token`` gives a handle, be it here or not."""
    aws: bool
    """Whether AWS credentials are handed out."""
    signs: bool = False
    """Whether calls of AWS are signed on the way."""
    one: bool = False
    """``agent.concurrency: one``: the proxy's URL carries no handle."""
    consent: str | None = None
    """``consent.public_url``."""
    left: str | None = field(default=None, repr=False)
    """The handle in ``run.dir``, if there is one for this user."""


@dataclass(frozen=True, slots=True)
class Told:
    text: str = field(repr=False)
    notes: tuple[str, ...]
    """For the operator, beside it."""


def told(known: Known, form: str) -> Told:
    """The variables in one of ``FORMATS``, or as a ``MANIFEST``. Raise ``formats.Unwritable``."""
    notes = []
    if isinstance(known.listen, Unix):
        notes.append(
            "egress.listen is a unix socket: clients know no variable for a proxy on one; SIDECAR_URL says where it is"
        )
    off = known.token == "off"  # noqa: S105 - the configuration's word for no handle
    secret = formats.SecretKey() if form == MANIFEST and known.shared and not known.one else None
    handle = formats.referred() if secret else None if off or form == MANIFEST else _handle(known)
    if handle is None and not off and not known.one:
        notes.append(_none(known, form))
    aws = known.aws and not off
    found = variables(
        listen=known.listen,
        run=known.run,
        handle=handle,
        aws=aws,
        signs=known.signs,
        one=known.one,
        consent=known.consent,
    )
    text = formats.kubernetes(found, secret) if form == MANIFEST else FORMATS[form](found)
    return Told(text, tuple(notes))


def _handle(known: Known) -> str | None:
    return known.token.reveal() if isinstance(known.token, Secret) else known.left


def _none(known: Known, form: str) -> str:
    """Why there is no handle."""
    if form == MANIFEST:
        return (
            "the proxy variables carry no handle: the sidecar makes one at each start, unless a Secret gives it one, "
            "which a manifest can share:  agent.token: {env: NAME}"
        )
    return (
        f"the proxy variables carry no handle: a running sidecar leaves one in {known.run / TOKEN}, which isn't there, "
        "or isn't for this user"
    )
