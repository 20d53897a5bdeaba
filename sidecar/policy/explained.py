"""Why somebody may do something, or what is lacking, in plain words: for whoever administers it, at a terminal. Pure.

What the record and the agent are told (``Decision.failed``) names nothing that is the principal's. Here it does.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sidecar.identity import claims
from sidecar.identity.principal import Principal
from sidecar.policy import words
from sidecar.policy.capability import Capability, Who
from sidecar.policy.decision import Access, Act, Decision, Policy
from sidecar.policy.declared import Declared

AGENT = "the agent"
_MOST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Failure:
    condition: str
    """As the record has it."""
    words: str
    """What is needed, and what there is."""


@dataclass(frozen=True, slots=True)
class Explanation:
    decision: Decision
    failures: tuple[Failure, ...] = ()
    """Everything that the capability that came nearest fails; of a decision that no capability is behind (a policy of
    one's own), what it said itself."""


def explain(policy: Policy, declared: Declared, enter: Who, access: Access, now: float) -> Explanation:
    """*declared* knows the capabilities that *policy* rests on, and *enter* is ``inbound.who``."""
    decision = policy.decide(access, now)
    if decision.capability is not None:
        return Explanation(decision)
    if access.wanted is Act.ENTER:
        failed = tuple(f"inbound.who.{unmet}" for unmet in enter.all_unmet(access.principal))
        return Explanation(decision, _failures(failed, None, enter, access, now) or _said(decision))
    rule, failed = declared.nearest(access, now)
    if rule is None or rule.capability.name != decision.nearest:
        return Explanation(decision, _said(decision))
    return Explanation(decision, _failures(failed, rule.capability, rule.capability.who, access, now))


def called(principal: Principal | None) -> str:
    return AGENT if principal is None else principal.subject


def _said(decision: Decision) -> tuple[Failure, ...]:
    """Of a policy that goes on by itself: "it forbids this"."""
    return (Failure(decision.failed, decision.failed.removeprefix("it ")),) if decision.failed else ()


def _failures(
    failed: Collection[str], capability: Capability | None, who: Who, access: Access, now: float
) -> tuple[Failure, ...]:
    return tuple(Failure(each, _plain(each, capability, who, access, now)) for each in failed)


def _plain(condition: str, capability: Capability | None, who: Who, access: Access, now: float) -> str:
    """*condition*, one of those that ``Rule.failed`` tells, in plain words."""
    key = condition.partition(": ")[0]
    if key.startswith(("who.", "inbound.who.")):
        # A claim's path may itself hold a colon.
        return _lacking(condition.removeprefix("inbound.").removeprefix("who."), who, access.principal)
    if capability is None:
        return condition
    if key.startswith("arguments."):
        return _argument(condition, capability, access)
    said = _OTHERS.get(key)
    return condition if said is None else said(capability, access, now)


# whose it is

_DEEPER = re.compile(r"all\[(\d+)\]\.")
_NOT = re.compile(r"not\[(\d+)\]")


def _lacking(condition: str, who: Who, principal: Principal | None) -> str:
    while deeper := _DEEPER.match(condition):
        who, condition = who.all_of[int(deeper[1])], condition[deeper.end() :]
    if condition.startswith("claims."):
        return _claim(condition.removeprefix("claims."), who, principal)
    key = condition.partition(":")[0]
    if key in words.KEYS:
        return f"needs {words.one_of(key, getattr(who, key))}; {_having(key, principal)}"
    if found := _NOT.match(key):
        return f"is not for {words.who(who.none_of[int(found[1])])}; {_told(condition, principal)}"
    if key == "any":
        return f"needs {words.either(who.any_of)}; {called(principal)} is none of it"
    return f"needs somebody whom the agent works for; {called(principal)} calls for itself"


def _having(key: str, principal: Principal | None) -> str:
    if principal is None:
        return f"{AGENT} calls for itself"
    name, value = called(principal), getattr(principal, key)
    if key == "issuer":
        return f"{name} comes from {value}"
    if key == "kind":
        return f"{name} is a {value}"
    if value is None and key == "groups":
        return f"which groups {name} has, the issuer didn't say"
    return f"{name} has {words.has(key, ((value,) if value else ()) if isinstance(value, str | None) else value)}"


def _told(condition: str, principal: Principal | None) -> str:
    cannot = condition.endswith(": it cannot be told")
    return f"whether {called(principal)} is, cannot be told" if cannot else f"{called(principal)} is"


def _claim(condition: str, who: Who, principal: Principal | None) -> str:
    """*condition* begins with the claim's path."""
    path = max((path for path in who.claims if condition.startswith(f"{path}:")), key=len, default="")
    value = claims.find(principal.claims, path) if principal is not None else None
    there = (
        f"{called(principal)} has {_shown(value)}" if value is not None else f"{called(principal)} has no such claim"
    )
    return f"needs the {words.claim(path, who.claims.get(path, ()))}; {there}"


# what is wanted


def _provider(capability: Capability, access: Access, _now: float) -> str:
    named = f"is for the provider {capability.provider}" if capability.provider is not None else "is for no provider"
    if access.wanted is Act.CREDENTIAL:
        return f"{named}; {access.provider} is asked for"
    return f"{named}; the route's is {access.provider}"


def _scopes(capability: Capability, access: Access, _now: float) -> str:
    lacking = words.together(access.scopes - capability.scopes)
    return f"gives {words.has('scopes', capability.scopes)}; {lacking or 'more'} is needed as well"


def _routes(capability: Capability, access: Access, _now: float) -> str:
    opened = f"opens {words.together(capability.routes)}" if capability.routes else "opens no route"
    return f"{opened}; not {access.place or 'the agent itself'}"


def _tools(capability: Capability, access: Access, _now: float) -> str:
    return f"opens the tools {words.together(capability.tools)}; not {access.tool}"


def _methods(capability: Capability, access: Access, _now: float) -> str:
    return f"allows {words.together(capability.methods or ())}; the call is {access.method or 'without a method'}"


def _paths(capability: Capability, access: Access, _now: float) -> str:
    return f"allows the paths {words.together(capability.paths or ())}; the call's is {access.path or 'empty'}"


def _handed(_capability: Capability, _access: Access, _now: float) -> str:
    return "allows some methods or paths alone, to which a token that is handed out cannot be held"


def _arguments(_capability: Capability, _access: Access, _now: float) -> str:
    return "allows no value at all of some argument"


def _hours(capability: Capability, _access: Access, now: float) -> str:
    when = datetime.fromtimestamp(now, UTC)
    return f"holds {'; '.join(map(str, capability.hours))}; it is {when:%a %Y-%m-%d %H:%M} UTC"


def _argument(condition: str, capability: Capability, access: Access) -> str:
    named = (name for name in capability.arguments if condition.startswith(f"arguments.{name}:"))
    name = max(named, key=len, default="")
    given = access.arguments or {}
    there = f"it is {_shown(given[name])}" if name in given else "it isn't given"
    return f"needs the argument {name} to be {words.together(capability.arguments.get(name, ()))}; {there}"


_OTHERS: Mapping[str, Callable[[Capability, Access, float], str]] = {
    "provider": _provider,
    "scopes": _scopes,
    "routes": _routes,
    "tools": _tools,
    "methods": _methods,
    "paths": _paths,
    "methods and paths": _handed,
    "arguments": _arguments,
    "hours": _hours,
}


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"
