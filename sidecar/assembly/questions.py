"""``sidecar explain``: from what was asked at the command line to the answer.

A token's signature isn't looked at: that takes its issuer's keys, and this asks nobody. The token is never shown.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from sidecar.assembly import explaining
from sidecar.assembly.explaining import Known
from sidecar.assembly.judge import Judge, Said
from sidecar.errors import Refusal
from sidecar.identity import supposed
from sidecar.identity import token as jwt
from sidecar.identity.issuer import Issuer, by_url
from sidecar.policy.decision import Access
from sidecar.settings import Settings, asked
from sidecar.settings.problem import Misfit
from sidecar.wire.strict import json_object

MOST_BYTES = 64 * 1024
STDIN = "-"
Wanted = Mapping[str, Any]
"""The command's options by name; ``None`` where one isn't given."""
_ONLY_WITH = {
    "method": "route",
    "path": "route",
    "scope": "provider",
    "arguments": "tool",
    "issuer": "claims",
}


class Unusable(Exception):
    """What was asked has no answer; the text says why and what to do."""


def answer(settings: Settings, wanted: Wanted, stdin: BinaryIO, now: float) -> Said:
    """*now* is epoch seconds, where *wanted* says no time. Raise ``Unusable``."""
    for option, needed in _ONLY_WITH.items():
        if wanted[option] is not None and wanted[needed] is None:
            raise Unusable(f"--{option} means nothing without --{needed}")
    if wanted["table"]:
        return Said(*explaining.overview(settings.capabilities))
    now = now if wanted["at"] is None else _time(wanted["at"])
    try:
        known = _known(settings, wanted, stdin, now)
    except Refusal as refusal:
        lines = [f"denied: the front door refuses it: {refusal.code} ({refusal.reason})", f"  {refusal.detail}"]
        return Said(lines, {"allowed": False, "refused": {"code": refusal.code, "reason": refusal.reason}}, well=False)
    judge = Judge.of(settings)
    access = _access(settings, known, wanted)
    if access is None:
        return Said(*explaining.everything(judge, known, now))
    verdict = judge.verdict(access, now)
    lines = [*explaining.decided(known, access, verdict)]
    return Said(lines, explaining.decided_json(known, access, verdict), verdict.allowed or verdict.shadow)


def _known(settings: Settings, wanted: Wanted, stdin: BinaryIO, now: float) -> Known:
    """Raise ``Unusable``, and a ``Refusal`` for what is nobody's."""
    if wanted["agent"]:
        return Known(None)
    if wanted["token"] is not None:
        return _by_token(settings, _input(wanted["token"], stdin), now)
    if wanted["claims"] is not None:
        return _by_claims(settings, _input(wanted["claims"], stdin), wanted["issuer"], now)
    raise Unusable("say who: --claims FILE, --token FILE or --agent; or --table, for who can do what")


def _by_claims(settings: Settings, text: bytes, issuer: str | None, now: float) -> Known:
    """Whom the claims in *text* are about. What a token that held them would be refused for is told where they are a
    whole one's: where they have ``exp``."""
    try:
        claims = json_object(text)
    except ValueError as error:
        raise Unusable(f"the claims can't be read ({error}): give one JSON object, as a token holds it") from None
    if issuer is not None and issuer not in settings.issuers:
        raise _unusable(asked.unknown(issuer, "an issuer", settings.issuers))
    token, of = supposed.of_claims(claims, settings.issuers, issuer)
    return _about(token, of, tuple(jwt.objections(token, of, now)) if "exp" in claims else ())


def _by_token(settings: Settings, text: bytes, now: float) -> Known:
    token = jwt.unverified(text.strip(), settings.inbound.limits.token)
    issuer = jwt.select(token, by_url(settings.issuers.values()))
    return replace(_about(token, issuer, tuple(jwt.objections(token, issuer, now))), token=True)


def _about(token: jwt.Unverified, issuer: Issuer, objections: tuple[Refusal, ...]) -> Known:
    principal = jwt.supposed(token, issuer)
    return Known(principal, objections, unasked=principal.groups is None and issuer.groups == "graph")


def _access(settings: Settings, known: Known, wanted: Wanted) -> Access | None:
    """What is asked about; ``None``: everything."""
    who = known.principal
    try:
        if wanted["route"] is not None:
            method, path = wanted["method"] or asked.METHOD, wanted["path"] or asked.PATH
            return asked.call(settings, who, wanted["route"], method.upper(), path)
        if wanted["provider"] is not None:
            return asked.credential(settings, who, wanted["provider"], wanted["scope"] or ())
        if wanted["tool"] is not None:
            return asked.tool(settings, who, wanted["tool"], _arguments(wanted["arguments"]))
    except Misfit as misfit:
        raise _unusable(misfit) from None
    return None


def _unusable(misfit: Misfit) -> Unusable:
    return Unusable(f"{misfit.what}. {misfit.mend}")


def _arguments(text: str | None) -> Mapping[str, object] | None:
    if text is None:
        return None
    try:
        return json_object(text.encode())
    except ValueError as error:
        raise Unusable(f"--arguments can't be read ({error}): give one JSON object") from None


def _time(text: str) -> float:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise Unusable("--at is not a time: write it like  2026-11-24T22:00:00+01:00") from None
    return (when if when.tzinfo is not None else when.replace(tzinfo=UTC)).timestamp()


def _input(file: str, stdin: BinaryIO) -> bytes:
    try:
        if file == STDIN:
            return stdin.read(MOST_BYTES)
        with Path(file).open("rb") as source:
            return source.read(MOST_BYTES)
    except OSError as error:
        raise Unusable(f"{file} can't be read: {error.strerror}") from None
