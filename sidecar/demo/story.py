"""The demo's story: who calls, what the sidecar makes of it, what the agent sees. Every claim is checked."""

import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sidecar.demo import agreement, tools
from sidecar.demo.agent import EVENTS, PAUSE
from sidecar.demo.calendar import KEY_HEADER
from sidecar.demo.issuer import ALICE, BOB, Person
from sidecar.demo.stage import Answer, Stage
from sidecar.demo.terminal import Terminal
from sidecar.wire.strict import base64url, base64url_encode

TRACEPARENT = "00-{trace}-{span}-01"


@dataclass(slots=True)
class Story:
    """Plays the chapters on *stage* and tells them on *terminal*."""

    stage: Stage
    terminal: Terminal
    trace_id: str = field(default_factory=lambda: secrets.token_hex(16))
    """Alice's application has begun this trace: every call of hers belongs to it."""
    seen: dict[str, str] = field(default_factory=dict)
    """Person → the principal that the handler saw."""
    declared: dict[str, str] = field(default_factory=dict)
    """Person → the tools that the handler was told of."""

    async def tell(self) -> bool:
        """All chapters in order; whether every step held."""
        self.terminal.title("Agent Identity Sidecar: who is calling the agent?")
        self.terminal.say(
            """On this machine there now run an OpenID provider that knows Alice and Bob, an agent that has never
            heard of tokens, a calendar with a key, and the sidecar between them. This is all of its configuration
            that matters:"""
        )
        self.terminal.code(self.stage.configuration.splitlines())
        chapters: tuple[tuple[str, Callable[[], Awaitable[None]]], ...] = (
            ("A call without a token", self.nobody),
            ("Alice calls", self.alice),
            ("Bob calls", self.bob),
            ("Bob says that he is Alice", self.spoofed),
            ("Tokens that don't count", self.refused),
            ("A stream", self.stream),
            ("The agent looks something up", self.look_up),
            ("What it may not have", self.denied),
            ("A tool that Bob doesn't see", self.tools),
            ("Alice is asked, once", self.consent),
            ("The record", self.record),
        )
        for number, (title, chapter) in enumerate(chapters, 1):
            self.terminal.chapter(number, title)
            await chapter()
        return not self.terminal.failed

    async def nobody(self) -> None:
        self.terminal.say("Nobody gets to the agent unknown. The refusal says what to do about it.")
        self.terminal.asks("GET /")
        answer = await self.stage.call("/", {})
        self._show_refusal(answer)
        self._refusal(answer, 401, "token_missing")
        challenge = answer.headers.get("www-authenticate", "")
        self.terminal.step(f"with WWW-Authenticate: {challenge}", challenge.startswith("Bearer"), challenge)

    async def alice(self) -> None:
        self.terminal.say("Alice's application sends the access token that she got when she signed in.")
        headers = await self._greeted(ALICE, self._of_alice())
        self.terminal.step("the token itself stays with the sidecar", "authorization" not in headers)
        self.terminal.step(
            "the trace that her application began goes on", self.trace_id in headers.get("traceparent", "")
        )

    async def bob(self) -> None:
        self.terminal.say("The same agent, the same handler, another caller. Nothing to configure, nothing to look up.")
        await self._greeted(BOB, self._with(BOB))
        different = len(set(self.seen.values())) == len(self.seen) == 2
        self.terminal.step("Bob's principal is another than Alice's", different, self.seen)

    async def spoofed(self) -> None:
        self.terminal.say(
            """An agent can believe these headers only if nobody else can send them. Bob tries it with his own good
            token: what he claims is removed, in every spelling, before the sidecar writes what it knows."""
        )
        claims = {"X-Identity-Subject": "alice", "x_identity_groups": "sales", "X-Forwarded-User": "alice"}
        self.terminal.asks("GET /whoami", [f"{name}: {value}" for name, value in claims.items()])
        answer = await self.stage.call("/whoami", self._with(BOB) | claims)
        headers = _lower(answer.json().get("headers"))
        self.terminal.answers(answer.line, [str(answer.json().get("greeting"))])
        self.terminal.step("the handler still sees Bob", headers.get("x-identity-subject") == "bob", headers)
        groups = headers.get("x-identity-groups", "").split(",")
        self.terminal.step("with Bob's groups alone", set(groups) == set(BOB.groups), groups)
        left = [name for name in headers if "_" in name or name == "x-forwarded-user"]
        self.terminal.step("and nothing of what he claimed is left", not left, left)

    async def refused(self) -> None:
        self.terminal.say("Each of these was once a good token of Alice's, or looks like one.")
        whole = self.stage.token(ALICE)
        for what, token, code in (
            ("that expired a minute ago", self.stage.token(ALICE, seconds=-60), "token_expired"),
            ("that was tampered with: it says bob now", _tampered(whole), "signature_invalid"),
            ("that was issued for another service", self.stage.token(ALICE, audience="payroll"), "audience_invalid"),
            ("without a signature, its algorithm none", _unsigned(whole), "signature_invalid"),
        ):
            self.terminal.asks(f"GET /   with a token {what}")
            answer = await self.stage.call("/", self._of_alice(token))
            self._show_refusal(answer)
            self._refusal(answer, 401, code)
            self.terminal.gap()

    async def stream(self) -> None:
        self.terminal.say(
            "Agents answer in streams. Each event passes the moment it is sent, and the caller is known here too."
        )
        self.terminal.asks("GET /stream", ["Authorization: Bearer <Alice's token>"])
        events: list[tuple[float, str]] = []
        async for seconds, piece in self.stage.pieces("/stream", self._of_alice()):
            events += [(seconds, line.decode()) for line in piece.split(b"\n\n") if line]
        self.terminal.answers("200 OK", [f"{seconds * 1000:5.0f} ms   {line}" for seconds, line in events])
        expected = [f"data: {number} of {EVENTS} for alice" for number in range(1, EVENTS + 1)]
        self.terminal.step(f"all {EVENTS} events arrive, in order", [line for _, line in events] == expected, events)
        lag = events[-1][0] - events[0][0] if events else 0.0
        self.terminal.step(
            "each when it was sent, none held back", lag > PAUSE * (EVENTS - 1) / 2, f"all within {lag:.3f} s"
        )

    async def look_up(self) -> None:
        self.terminal.say(
            """The agent has no credential. To look into the calendar it asks the sidecar, by the handle of the call
            that it is at work for. On the way out the handle is taken off, and the calendar's key put on."""
        )
        for person, send in ((ALICE, self._of_alice()), (BOB, self._with(BOB))):
            name = person.subject.capitalize()
            self.terminal.asks("GET /look-up/calendar/events", [f"Authorization: Bearer <{name}'s token>"])
            answer = (await self.stage.call("/look-up/calendar/events", send)).json()
            self.terminal.answers(f"the calendar: {answer.get('status')}", [str(answer.get("answer"))])
            self.terminal.step(f"the calendar answers {name}'s call", answer.get("status") == 200, answer)
        asked = self.stage.calendar.asked
        self.terminal.say("What the calendar got:")
        shown = [name for name in (asked[-1] if asked else {}) if name.startswith(("x-", "authorization"))]
        self.terminal.table(dict.fromkeys(shown, "… (the key; only the sidecar and the calendar know it)"))
        keys = [request.get(KEY_HEADER.lower()) for request in asked]
        self.terminal.step("its key came with each call", keys == [self.stage.calendar.key] * 2, len(keys))
        self.terminal.step("and no handle", not any("ih_" in str(request) for request in asked))

    async def denied(self) -> None:
        self.terminal.say(
            "What is declared nowhere is allowed nowhere. The refusal names a code, the record the reason."
        )
        for what, path, code in (
            ("the payroll, which is for the board", "/look-up/payroll/all", "not_permitted"),
            ("a route that there isn't", "/look-up/secrets/all", "route_unknown"),
            ("a host on no route, by the sidecar as a proxy", "/elsewhere", "destination_denied"),
        ):
            self.terminal.asks(f"GET {path}   {what}")
            answer = (await self.stage.call(path, self._with(BOB))).json()
            self.terminal.answers(f"{answer.get('status')}", [f"Sidecar-Error: {answer.get('code')}"])
            self.terminal.step(f"refused: {code}", answer.get("code") == code, answer)
        self.terminal.step("none of it got there", len(self.stage.calendar.asked) == 2)

    async def tools(self) -> None:
        await tools.tell(self.stage, self.terminal, self._of_alice(), self._with(BOB), self.declared)

    async def consent(self) -> None:
        await agreement.tell(self.stage, self.terminal, self._with(ALICE))

    async def record(self) -> None:
        self.terminal.say(
            """Whatever happens to an identity is written down before the answer is sent. Alice's application began a
            trace; under its id stands all that was done with her token, and with those that looked like it:"""
        )
        self.terminal.code([self.trace_id])
        expected = [
            "identity.init",
            *["identity.rejected"] * 4,
            *["identity.init"] * 2,
            "identity.credential_attached",
            *["identity.init", "identity.credential_attached", "identity.tools_listed"],
            *["identity.init", "identity.tool_called"],
        ]
        events = await self.stage.record(self.trace_id, len(expected))
        self.terminal.table({f"{number:2}  {event['name']}": _said(event) for number, event in enumerate(events, 1)})
        names = [event["name"] for event in events]
        self.terminal.step("every call of hers is there, and those that were refused", names == expected, names)
        mine = [event for event in events if event["name"] != "identity.rejected"]
        keys = {event.get("attributes", {}).get("identity.principal.id") for event in mine}
        self.terminal.step(f"one principal, a keyed hash: {', '.join(map(str, keys))}", len(keys) == 1, keys)
        self.terminal.step("no name, no email, no token", _discreet(events))

    async def _greeted(self, person: Person, send: Mapping[str, str]) -> Mapping[str, str]:
        """Call as *person*; show and check what the handler saw."""
        name = person.subject
        self.terminal.asks("GET /whoami", [f"Authorization: Bearer <{name.capitalize()}'s token>"])
        answer = await self.stage.call("/whoami", send)
        headers = _lower(answer.json().get("headers"))
        self.terminal.answers(answer.line, [f"X-Trace-Id: {answer.headers.get('x-trace-id')}"])
        self.terminal.say("What the handler saw:")
        shown = answer.json().get("headers", {}).items()
        self.terminal.table({header: value for header, value in shown if header.lower().startswith("x-identity-")})
        greeting = answer.json().get("greeting")
        self.terminal.step(f"the agent answers: hello, {name}", greeting == f"hello, {name}", greeting or answer.line)
        groups = headers.get("x-identity-groups", "").split(",")
        self.terminal.step(f"it knows {name.capitalize()}'s groups", set(groups) == set(person.groups), groups)
        self.seen[name] = headers.get("x-identity-principal", "")
        self.declared[name] = headers.get("x-identity-tools", "")
        return headers

    def _with(self, person: Person, token: str | None = None) -> dict[str, str]:
        return {"Authorization": f"Bearer {token or self.stage.token(person)}"}

    def _of_alice(self, token: str | None = None) -> dict[str, str]:
        trace = TRACEPARENT.format(trace=self.trace_id, span=secrets.token_hex(8))
        return self._with(ALICE, token) | {"Traceparent": trace}

    def _show_refusal(self, answer: Answer) -> None:
        problem = answer.json()
        said = [f"Sidecar-Error: {answer.headers.get('sidecar-error')}", problem.get("title"), problem.get("detail")]
        self.terminal.answers(answer.line, map(str, said))

    def _refusal(self, answer: Answer, status: int, code: str) -> None:
        found = answer.status, answer.headers.get("sidecar-error"), answer.json().get("code")
        self.terminal.step(f"refused: {status} {code}", found == (status, code, code), found)


def _tampered(token: str) -> str:
    """*token* with another subject, and the signature it had."""
    header, payload, signature = token.split(".")
    claims = json.loads(base64url(payload.encode())) | {"sub": "bob"}
    return ".".join((header, _segment(claims), signature))


def _unsigned(token: str) -> str:
    """*token* as RFC 7518, section 3.6 would have it: without a signature."""
    _, payload, _ = token.split(".")
    return ".".join((_segment({"alg": "none", "typ": "JWT"}), payload, ""))


def _segment(claims: dict[str, Any]) -> str:
    return base64url_encode(json.dumps(claims).encode()).decode()


def _lower(headers: Mapping[str, str] | None) -> dict[str, str]:
    return {name.lower(): value for name, value in (headers or {}).items()}


def _said(event: Mapping[str, Any]) -> str:
    """An event in a few words."""
    attributes = event.get("attributes", {})
    words = [attributes.get(name) for name in ("http.request.method", "url.path", "identity.tool", "identity.reason")]
    if "identity.tools.shown" in attributes:
        words.append(f"{attributes['identity.tools.shown']} shown, {attributes['identity.tools.hidden']} hidden")
    return "  ".join(str(word) for word in words if word)


def _discreet(events: list[dict[str, Any]]) -> bool:
    text = json.dumps(events)
    return not any(word in text for word in (ALICE.subject, ALICE.email, ALICE.name, "eyJ"))
