"""How an MCP client is asked to have its user agree to something, and how its answer is taken."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass

from sidecar.errors import ConsentRequired
from sidecar.mcp import reply
from sidecar.mcp.message import Kind, Message
from sidecar.mcp.methods import REQUESTS
from sidecar.mcp.mirrored import stateless
from sidecar.oauth.credential import Ask, Credential, Signing, Source

_AGREED = "accept"
_ELICITATION: Mapping[str, object] = {"requiredCapabilities": {"elicitation": {"url": {}}}}


@dataclass(frozen=True, slots=True)
class Agreeing:
    pause: float = 1.0
    """Seconds between two looks whether a user who said so has agreed,"""
    looks: int = 20
    """and how many there are before the client is asked again."""

    async def obtain(self, source: Source, asked: Ask, said: Message | None) -> Credential | Signing:
        """What *source* gives. A client that comes back at once has its user on the page still: it is waited for."""
        looks = self.looks if said is not None and reply.consent_answer(said.params) == _AGREED else 0
        while True:
            try:
                return await source.obtain(asked)
            except ConsentRequired:
                if not looks:
                    raise
            looks -= 1
            await asyncio.sleep(self.pause)

    def asks(self, said: Message, refusal: ConsentRequired, version: str | None) -> tuple[int, bytes] | None:
        """Status and body by which a client is asked in the way of its era; ``None``: it asked nothing itself."""
        url, session = refusal.extra.get("authorization_url"), refusal.extra.get("session")
        if said.kind is not Kind.REQUEST or url is None or session is None:
            return None
        if reply.consent_answer(said.params) not in (None, _AGREED):
            return 200, self._error(said, refusal, reply.NOT_AGREED, "The user did not agree.")
        if not stateless(version):
            return 200, reply.elicitation(said.id, url, session, refusal.title)
        text = f"{refusal.title} Open {url} as the user, agree, and call again."
        if not REQUESTS[said.method].names:  # only what names something may be answered by a question
            return 403, self._error(said, refusal, reply.NOT_AGREED, text)
        if not said.opens_urls:
            return 400, self._error(said, refusal, reply.MISSING_CAPABILITY, text, _ELICITATION)
        return 200, reply.input_required(said.id, url, refusal.title)

    def _error(
        self, said: Message, refusal: ConsentRequired, code: int, text: str, data: Mapping[str, object] | None = None
    ) -> bytes:
        return reply.error(said.id, code, text, {"code": refusal.code, **refusal.extra, **(data or {})})

    def without(self, said: Message) -> bytes | None:
        """The body that goes on, where what came has an answer to us in it; ``None``: it goes on as it came."""
        params = reply.without_consent(said.params)
        if params is said.params:
            return None
        text = {"jsonrpc": "2.0", "id": said.id, "method": said.method, "params": params}
        return json.dumps(text, separators=(",", ":"), allow_nan=False).encode()
