"""The agent's variables as a shell, a dotenv file, a program or a Kubernetes manifest reads them. Pure.

``None`` as a value: the variable must not be set.
"""

import re
import shlex
from collections.abc import Mapping
from typing import NamedTuple

from sidecar.agent.environment import PROXIES

HANDLE = "SIDECAR_AGENT_TOKEN"
"""The variable of a manifest that holds the agent handle, for others to name."""

_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,=~-]*")
_LITERAL = re.compile(r"[^'\\$\x00-\x1f\x7f]*")
"""In single quotes some readers still take a backslash or ``${NAME}`` for more than it is."""


class Unwritable(ValueError):
    """A value has no form there that every reader reads alike; the text names the variable."""


class SecretKey(NamedTuple):
    """Where a Kubernetes Secret has the agent handle."""

    name: str = "agent-identity-sidecar"
    key: str = "agent-token"


def shell(variables: Mapping[str, str | None]) -> str:
    """For ``eval`` in any POSIX shell."""
    return "".join(
        f"unset {name}\n" if value is None else f"export {name}={shlex.quote(value)}\n"
        for name, value in variables.items()
    )


def dotenv(variables: Mapping[str, str | None]) -> str:
    """For dotenv libraries, Compose and ``docker run --env-file``, which takes quotes for part of the value: hence none
    where none are needed. Raise ``Unwritable``."""
    return "".join(
        f"# must not be set: {name}\n" if value is None else f"{name}={_dotenv(name, value)}\n"
        for name, value in variables.items()
    )


def _dotenv(name: str, value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    if _LITERAL.fullmatch(value):
        return f"'{value}'"
    raise Unwritable(
        f"{name} holds one of ' \\ $ or a control character, which readers of dotenv files read differently"
    )


def json(variables: Mapping[str, str | None]) -> str:
    """One object; ``null``: to be unset."""
    from json import dumps

    return dumps(variables, indent=2, ensure_ascii=False) + "\n"


def kubernetes(variables: Mapping[str, str | None], secret: SecretKey | None) -> str:
    """A container's ``env:``. With *secret*, the proxies' URLs are to name the handle as ``$(SIDECAR_AGENT_TOKEN)``
    (``referred``), which the Secret holds."""
    from yaml import safe_dump

    entries: list[dict[str, object]] = []
    if secret is not None:
        entries.append({"name": HANDLE, "valueFrom": {"secretKeyRef": secret._asdict()}})
    for name, value in variables.items():
        if value is not None:
            # $(NAME) in a value stands for another variable; $$ is how a $ is meant.
            literal = value if name in PROXIES else value.replace("$(", "$$(")
            entries.append({"name": name, "value": literal})
    text: str = safe_dump({"env": entries}, sort_keys=False, width=1000)
    unset = [name for name, value in variables.items() if value is None]
    return text + (f"# must not be set: {', '.join(unset)}\n" if unset else "")


def referred() -> str:
    """What stands for the handle in a manifest."""
    return f"$({HANDLE})"
