"""Whether the record, the upstream and the callers tell the same story of every call."""

import re
from collections.abc import Iterable
from typing import Any

from tests.journeys.calling import Call, Calling
from tests.journeys.judge import Judge

_PATH = re.compile(r"/(\d+)/(?:user\d+|-)$")


def attached(events: Iterable[dict[str, Any]]) -> dict[int, list[tuple[str, str]]]:
    """By serial: whose calls were let out, as (subject, invocation's id)."""
    found: dict[int, list[tuple[str, str]]] = {}
    for event in events:
        said = event["attributes"]
        if event["name"] == "identity.credential_attached" and (path := _PATH.search(said["url.path"])):
            subject = "-" if said["identity.principal.kind"] == "agent" else said["identity.principal.subject"]
            found.setdefault(int(path[1]), []).append((subject, said.get("identity.invocation.id", "")))
    return found


def disagreements(calling: Calling, judge: Judge, recorded: dict[int, list[tuple[str, str]]]) -> list[str]:
    """All that doesn't fit together, in words."""
    wrong = [f"{serial} came and was never made" for serial in judge.came.keys() - calling.made.keys()]
    wrong += [f"{serial} was recorded and never made" for serial in recorded.keys() - calling.made.keys()]
    for serial, call in calling.made.items():
        wrong += _disagreements(call, calling, judge.came.get(serial, []), recorded.get(serial, []))
    return wrong


def _disagreements(call: Call, calling: Calling, came: list[str], recorded: list[tuple[str, str]]) -> list[str]:
    serial = call.serial
    late = call.other is not None and calling.heard.get(serial) in ("", "provider_unreachable")
    if call.refused and not late:
        return [f"{call}: it was to be refused, and {came or recorded}"] if came or recorded else []
    wrong = []
    if came and recorded != [(call.subject, call.caller.id if call.caller is not None else "")]:
        wrong.append(f"{call}: it came, and the record says {recorded}")
    if len(came) > (2 if call.manner == "hang-up" else 1):  # once more where a kept connection is lost
        wrong.append(f"{call}: it came {len(came)} times")
    answered = calling.heard.get(serial) == ""
    if answered and not came:
        wrong.append(f"{call}: it was answered, and never came")
    if recorded and not came and serial not in calling.loose and not calling.lately(call.caller):
        wrong.append(f"{call}: it was recorded, and never came: {calling.heard.get(serial)}")
    return wrong
