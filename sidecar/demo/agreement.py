"""The story's chapter on consent: a user agrees once, and can take it back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sidecar.demo.stage import Answer, Stage
from sidecar.demo.terminal import Terminal


async def tell(stage: Stage, terminal: Terminal, alice: Mapping[str, str]) -> None:
    """*alice*: the headers with which she calls the agent."""
    await _Chapter(stage, terminal, alice).tell()


@dataclass(frozen=True, slots=True)
class _Chapter:
    stage: Stage
    terminal: Terminal
    alice: Mapping[str, str]

    async def tell(self) -> None:
        self.terminal.say(
            """Alice has a calendar of her own, elsewhere. The agent can't have its token before she has agreed: its
            call is answered with a link, on a host on which only the sidecar writes."""
        )
        if (link := await self._asked_for("no consent yet")) is None:
            return
        self.terminal.say("In her browser she says who she is, at the issuer that she always uses, and agrees:")
        page = await self.stage.browser.open(link)
        self.terminal.step(f"the page asks: {page.heading}", "would like to use your Own account" in page.heading)
        page = await self.stage.browser.send(page)
        page = await self.stage.browser.send(page, person="alice")
        page = await self.stage.browser.send(page, account="alice", scope="calendar.read", decision="allow")
        self.terminal.step(f"and says at the end: {page.heading}", page.heading == "Own is connected", page.heading)
        for what in ("with her token attached", "without asking again"):
            answer = (await self._own()).json()
            self.terminal.answers(f"her calendar: {answer.get('status')}", [str(answer.get("answer"))])
            self.terminal.step(f"the agent reads it, {what}", answer.get("status") == 200, answer)
        self.terminal.step("her calendar and no other", self.stage.sandbox.asked == ["alice"] * 2)
        self.terminal.say(f"She can end it whenever she likes, under {self.stage.pages}/accounts:")
        page = await self.stage.browser.open(f"{self.stage.pages}/accounts/disconnect/own")
        page = await self.stage.browser.send(page, "/disconnect/own")
        self.terminal.step("she disconnects", page.heading == "Connected accounts", page.heading)
        await self._asked_for("and the agent has to ask again")

    async def _own(self) -> Answer:
        self.terminal.asks("GET /look-up/own/events", ["Authorization: Bearer <Alice's token>"])
        return await self.stage.call("/look-up/own/events", self.alice)

    async def _asked_for(self, what: str) -> str | None:
        """The link that the agent's call is answered with; ``None``: there is none, which the step says."""
        answer = (await self._own()).json()
        link = _link(answer.get("answer"))
        where, _, session = link.rpartition("/")
        self.terminal.answers(
            f"{answer.get('status')}", [f"Sidecar-Error: {answer.get('code')}", f"{where}/…" if session else ""]
        )
        expected = answer.get("code") == "consent_required" and link.startswith(f"{self.stage.pages}/connect/")
        self.terminal.step(what, expected, answer.get("code"))
        return link if expected else None


def _link(problem: object) -> str:
    """Where a user agrees; empty where *problem* doesn't say."""
    try:
        said = json.loads(problem) if isinstance(problem, str) else None
    except ValueError:
        said = None
    return str(said.get("authorization_url", "")) if isinstance(said, dict) else ""
