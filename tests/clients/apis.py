"""The APIs that the clients ask, in a world of our own: what each answers, and the real credential that it takes."""

import json
import subprocess
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.world import Answer, Says, Seen

NAME = "alice"
"""What every API says when all is well, and every client gives back."""
PLACEHOLDER = "a-placeholder"
REGION = "eu-central-1"
AWS_KEY, AWS_SECRET = "AKIAREALREALREALREAL", "a-real-secret-key"  # the sidecar's own, in its environment


@dataclass(frozen=True, slots=True)
class Api:
    """One of them."""

    host: str
    provider: dict[str, Any]
    """Its entry under ``providers``."""
    real: tuple[str, str]
    """The header that it must get, by name, and how its value begins."""


APIS = {
    "slack": Api("slack.com", {"type": "bearer", "token": "real-slack"}, ("authorization", "Bearer real-slack")),
    "github": Api(
        "api.github.com",
        {"type": "api_key", "key": "real-github", "prefix": "token "},
        ("authorization", "token real-github"),
    ),
    "repositories": Api(
        "github.com",
        {"type": "api_key", "key": "real-git", "basic": "x-access-token"},
        ("authorization", f"Basic {b64encode(b'x-access-token:real-git').decode()}"),
    ),
    "google": Api(
        "www.googleapis.com", {"type": "bearer", "token": "real-google"}, ("authorization", "Bearer real-google")
    ),
    "openai": Api(
        "api.openai.com", {"type": "bearer", "token": "real-openai"}, ("authorization", "Bearer real-openai")
    ),
    "anthropic": Api(
        "api.anthropic.com", {"type": "bearer", "token": "real-anthropic"}, ("authorization", "Bearer real-anthropic")
    ),
    "stripe": Api(
        "api.stripe.com", {"type": "bearer", "token": "real-stripe"}, ("authorization", "Bearer real-stripe")
    ),
    "sts": Api(
        f"sts.{REGION}.amazonaws.com",
        {"type": "aws", "source": "ambient", "region": REGION, "service": "sts", "hand_out": True},
        ("authorization", f"AWS4-HMAC-SHA256 Credential={AWS_KEY}/"),
    ),
    "any": Api("api.example.com", {"type": "bearer", "token": "real-any"}, ("authorization", "Bearer real-any")),
}


def _json(document: object) -> Answer:
    return Answer(200, [("Content-Type", "application/json")], json.dumps(document).encode())


_CHOICE = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": NAME}}
_MESSAGE = {"role": "assistant", "content": [{"type": "text", "text": NAME}], "stop_reason": "end_turn"}
_CALLER = f"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>{NAME}</Arn><UserId>A</UserId><Account>123456789012</Account>
</GetCallerIdentityResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetCallerIdentityResponse>"""

ANSWERS: dict[str, Answer] = {
    "slack": _json({"ok": True, "user": NAME}),
    "github": _json({"login": NAME, "id": 1, "url": "https://api.github.com/user"}),
    "google": _json({"user": {"displayName": NAME}}),
    "openai": _json({"id": "1", "object": "chat.completion", "created": 1, "model": "any", "choices": [_CHOICE]}),
    "anthropic": _json(
        {"id": "1", "type": "message", "model": "any", "usage": {"input_tokens": 1, "output_tokens": 1}, **_MESSAGE}
    ),
    "stripe": _json({"id": NAME, "object": "account"}),
    "sts": Answer(200, [("Content-Type", "text/xml")], _CALLER.encode()),
    "any": _json({"name": NAME}),
}


class Repository:
    """A repository with one commit, whose author is ``NAME``, as git's smart protocol serves it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        author = ["-c", f"user.name={NAME}", "-c", "user.email=alice@example.com"]
        self._git("init", "--quiet", "--initial-branch=main", str(folder))
        self._git("-C", str(folder), *author, "commit", "--quiet", "--allow-empty", "--message=First")

    def __call__(self, seen: Seen) -> Answer:
        service = ["upload-pack", "--stateless-rpc"]
        if seen.method == "GET":
            told = self._git(*service, "--http-backend-info-refs", str(self._folder))
            told = b"001e# service=git-upload-pack\n0000" + told
            kind = "advertisement"
        else:
            told = self._git(*service, str(self._folder), given=seen.body)
            kind = "result"
        return Answer(200, [("Content-Type", f"application/x-git-upload-pack-{kind}")], told)

    def _git(self, *words: str, given: bytes = b"") -> bytes:
        return subprocess.run(["git", *words], input=given, capture_output=True, check=True).stdout


def says(folder: Path) -> dict[str, Says]:
    """What every host of the world answers."""
    whole: dict[str, Says] = {**ANSWERS, "repositories": Repository(folder)}
    return {APIS[name].host: answer for name, answer in whole.items()}
