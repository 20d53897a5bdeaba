"""What a session at AWS is called and tagged with, so that CloudTrail shows who was behind a call. Pure.

``RoleSessionName`` is 2 to 64 characters of ``[A-Za-z0-9_+=,.@-]`` (AssumeRole's reference). A principal's sessions are
called ``<principal's id>.<invocation's id>``: the id that the agent reads in ``X-Identity-Principal``, which is a hash
already, and the invocation as the record has it in ``identity.invocation.id``. The agent's own are called as it is.

Tags say the same in parts that IAM policies can compare (``aws:PrincipalTag/identity.principal``). All of them are
transitive: a role that the agent goes on to assume keeps them, and can't overwrite them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sidecar.oauth.credential import Ask

_NOT_IN_NAME = re.compile(r"[^\w+=,.@-]+", re.ASCII)
_IN_TAG = re.compile(r"[A-Za-z0-9 _.:/=+@-]{1,256}")
_MOST_NAME = 64


@dataclass(frozen=True, slots=True)
class Behind:
    """Who is behind calls: a principal in an invocation, or the agent itself. A session is kept for each."""

    principal: str = ""
    """The principal's id; empty: the agent itself."""
    invocation: str = ""
    kind: str = ""
    issuer: str = ""
    """The configured issuer's name."""
    tenant: str = ""


AGENT = Behind()


def behind(ask: Ask) -> Behind:
    """Of whom a credential is asked for. The agent's own calls share one session, whoever it was working for."""
    principal = ask.principal
    if principal is None:
        return AGENT
    return Behind(principal.id, ask.invocation.decode(), principal.kind.value, principal.issuer, principal.tenant)


def name(who: Behind, agent: str) -> str:
    """The session's name."""
    if who.principal:
        return f"{who.principal}.{who.invocation}".rstrip(".")
    return _NOT_IN_NAME.sub("-", agent)[:_MOST_NAME].ljust(2, "-")


def tags(who: Behind, agent: str) -> Mapping[str, str]:
    """The session's tags. A value that AWS wouldn't take is left out: changed, it could be equal to another one."""
    said = {
        "identity.agent": agent,
        "identity.principal": who.principal,
        "identity.invocation": who.invocation,
        "identity.kind": who.kind,
        "identity.issuer": who.issuer,
        "identity.tenant": who.tenant,
    }
    return {key: value for key, value in said.items() if _IN_TAG.fullmatch(value)}
