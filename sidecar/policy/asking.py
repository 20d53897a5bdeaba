"""What Cedar is asked: entities and requests, as its JSON. Pure."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sidecar.identity import claims
from sidecar.identity.principal import Principal
from sidecar.policy.decision import Access, Act, Toolbox
from sidecar.policy.expression import plain

AGENT = {"type": "Agent", "id": "agent"}
_ARGUMENTS = {"type": "Arguments", "id": "arguments"}
_UNNAMED = "\0"
"""Stands for what no policy can name: ``plain`` never makes it."""
_RESOURCES = {Act.CREDENTIAL: "Provider", Act.CALL: "Route", Act.CONVERSE: "Route"}


def principal(who: Principal, named: Iterable[str]) -> str:
    """*who* as a set of entities, with the claims that are *named*."""
    known = {path: claims.find(who.claims, path) for path in named}
    attributes: dict[str, Any] = {
        "id": who.id,
        "subject": plain(who.subject),
        "issuer": who.issuer,
        "kind": str(who.kind),
        "tenant": plain(who.tenant),
        "roles": _all(who.roles),
        "scopes": _all(who.scopes),
        "actors": _all(who.actors),
    }
    if who.client is not None:
        attributes["client"] = plain(who.client)
    if who.groups is not None:
        attributes["groups"] = _all(who.groups)
    tags = {plain(path): _scalars(value) for path, value in known.items() if value is not None}
    return json.dumps([{"uid": _principal(who), "attrs": attributes, "parents": [], "tags": tags}])


def tool(access: Access, toolboxes: Mapping[str, Toolbox], *, argued: bool) -> str:
    """The tool, and where they are looked at its arguments, as entities."""
    of, _, name = (access.tool or "").partition("/")
    box = toolboxes.get(of)
    parents = [{"type": "Toolset" if box.tools else "Route", "id": of}] if box is not None else []
    found = [{"uid": _resource(access), "attrs": {"name": plain(name)}, "parents": parents}]
    if argued and access.arguments is not None:
        tags = {plain(name): texts for name, value in access.arguments.items() if (texts := _argument(value))}
        found.append({"uid": _ARGUMENTS, "attrs": {}, "parents": [], "tags": tags})
    return json.dumps(found)


def request(access: Access, held: Iterable[str], now: float | None, *, argued: bool) -> dict[str, Any]:
    """*held*: the hours that it is; *now*: epoch seconds, where somebody looks at the time itself."""
    context: dict[str, Any] = {"hours": list(held)}
    if now is not None:
        minute = datetime.fromtimestamp(now // 60 * 60, UTC)
        context["now"] = {"__extn": {"fn": "datetime", "arg": minute.strftime("%Y-%m-%dT%H:%M:%SZ")}}
    act = access.wanted
    if act is not Act.ENTER:
        context |= {"provider": access.provider or "", "scopes": _all(access.scopes)}
    if act is Act.CALL:
        context |= {"method": plain(access.method), "path": plain(access.path)}
    if argued and access.arguments is not None:
        context["arguments"] = {"__entity": _ARGUMENTS}
    return {
        "principal": _principal(access.principal) if access.principal is not None else AGENT,
        "action": {"type": "Action", "id": str(act)},
        "resource": _resource(access),
        "context": json.dumps(context),
    }


def _principal(who: Principal) -> dict[str, str]:
    return {"type": "Principal", "id": who.id}


def _resource(access: Access) -> dict[str, str]:
    act = access.wanted
    if act is Act.ENTER:
        return AGENT
    if act is Act.TOOL:
        return {"type": "Tool", "id": plain(access.tool or "")}
    return {"type": _RESOURCES[act], "id": (access.provider if act is Act.CREDENTIAL else access.route) or ""}


def _all(texts: Iterable[str]) -> list[str]:
    return [plain(text) for text in texts]


def _scalars(value: object) -> list[str]:
    """What a claim holds, as configurations write it."""
    members = value if isinstance(value, list) else [value]
    return [plain(text) for member in members if (text := claims.written(member)) is not None]


def _argument(value: object) -> list[str]:
    members = value if isinstance(value, list) else [value]
    texts = [claims.written(member) for member in members]
    return [_UNNAMED if text is None else plain(text) for text in texts]
