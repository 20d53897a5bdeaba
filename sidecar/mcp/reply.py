"""What is answered in a server's place, as JSON-RPC. Pure."""

import json
from collections.abc import Mapping

INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32600, -32601, -32602
NOT_AGREED = -32000
"""Of the range that is left to implementations."""
HEADER_MISMATCH = -32020
MISSING_CAPABILITY = -32021
URL_ELICITATION = -32042
"""Of 2025-11-25; in 2026-07-28 it must not be sent any more."""
CONSENT = "identity-sidecar/consent"
"""The key under which a client gives back what its user made of being asked."""
_ANSWERS = "inputResponses"


def error(id_: str | int | None, code: int, message: str, data: Mapping[str, object] | None = None) -> bytes:
    said: dict[str, object] = {"code": code, "message": message}
    if data:
        said["data"] = data
    return _message(id_, "error", said)


def elicitation(id_: str | int | None, url: str, session: str, message: str) -> bytes:
    """2025-11-25: ask the client to have its user open *url* before it calls again."""
    asked = {"mode": "url", "elicitationId": session, "url": url, "message": message}
    return error(id_, URL_ELICITATION, message, {"elicitations": [asked]})


def input_required(id_: str | int | None, url: str, message: str) -> bytes:
    """2026-07-28: the same, as a result. It has no ``requestState``, for we remember what we asked."""
    params = {"mode": "url", "url": url, "message": message}
    requests = {CONSENT: {"method": "elicitation/create", "params": params}}
    return _message(id_, "result", {"resultType": "input_required", "inputRequests": requests})


def consent_answer(params: Mapping[str, object]) -> str | None:
    """What the user made of it (``accept``, ``decline``, ``cancel``), where a call comes again."""
    answers = params.get(_ANSWERS)
    answer = answers.get(CONSENT) if isinstance(answers, dict) else None
    action = answer.get("action") if isinstance(answer, dict) else None
    return action if isinstance(action, str) else None


def without_consent(params: Mapping[str, object]) -> Mapping[str, object]:
    """*params* as the server gets them: an answer to us isn't its own."""
    answers = params.get(_ANSWERS)
    if not isinstance(answers, dict) or CONSENT not in answers:
        return params
    others = {key: answer for key, answer in answers.items() if key != CONSENT}
    rest = {name: value for name, value in params.items() if name != _ANSWERS}
    return {**rest, _ANSWERS: others} if others else rest


def _message(id_: str | int | None, member: str, value: Mapping[str, object]) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": id_, member: value}, separators=(",", ":")).encode()
