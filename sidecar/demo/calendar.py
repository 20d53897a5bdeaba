"""The demo's calendar: an API that answers who shows its key. It remembers the heads of the requests that it got."""

import json
import secrets
from dataclasses import dataclass, field

from aiohttp import web

KEY_HEADER = "X-Calendar-Key"
EVENTS = ("09:30 stand-up", "11:00 tea with the March Hare")


@dataclass(slots=True)
class Calendar:
    key: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    """What the sidecar is given, and nobody else."""
    asked: list[dict[str, str]] = field(default_factory=list, repr=False)
    """The header fields of each request, names in lower case."""

    def application(self) -> web.Application:
        app = web.Application()
        app.add_routes([web.get("/events", self._events)])
        return app

    async def _events(self, request: web.Request) -> web.Response:
        self.asked.append({name.lower(): value for name, value in request.headers.items()})
        if request.headers.get(KEY_HEADER) != self.key:
            return web.json_response({"error": "no key"}, status=401)
        return web.Response(text=json.dumps({"events": EVENTS}), content_type="application/json")
