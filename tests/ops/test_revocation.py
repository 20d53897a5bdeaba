"""What ``revoke`` asks, over a real control socket: in which order, and what is told of what fails."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sidecar.errors import AuditUnavailable, Refusal, VaultUnavailable
from sidecar.ops import client, control, report
from sidecar.ops.revocation import Ended, Revoking, routes
from sidecar.vault.grant import Grant
from sidecar.vault.store import Unusable
from tests.ops.conftest import ServeUnix
from tests.ops.test_control import Running
from tests.vault.grants import ALICE, grant

PRINCIPAL = ALICE.id


@dataclass
class Around:
    """What is ended, in its order; ``faults`` by step."""

    did: list[str] = field(default_factory=list)
    faults: dict[str, Exception] = field(default_factory=dict)
    ended: Ended = field(default_factory=lambda: Ended(2, 1, 1, 3, 0))

    def _do(self, step: str) -> None:
        self.did.append(step)
        if step in self.faults:
            raise self.faults[step]

    def end(self, principal: str) -> Ended:
        self._do("end")
        return self.ended

    def keep_out(self, principal: str, seconds: float) -> float:
        self._do(f"keep out {seconds:g}")
        return 1_795_000_000.0 + seconds

    def record(self, principal: str, ended: Ended) -> None:
        self._do("record")

    async def disconnect(self, principal: str) -> Sequence[tuple[Grant, bool]]:
        self._do("disconnect")
        return [(grant(ALICE, "a"), True), (grant(ALICE, "b"), False)]


@pytest.fixture
def around() -> Around:
    return Around()


@pytest.fixture
async def socket(around: Around, serve_unix: ServeUnix) -> Path:
    running = Running()
    more = routes(Revoking(around.end, around.keep_out, around.record, around.disconnect))
    return await serve_unix(control.application(status=running.status, reload=running.reload, more=more))


async def ask(path: Path, more: str = "", method: str = "POST") -> dict[str, Any]:
    return await asyncio.to_thread(client.ask, path, method, f"/revocation?principal={PRINCIPAL}{more}")


def lines(answer: dict[str, Any]) -> str:
    return "\n".join(report.ended(answer))


async def test_all_that_is_open_ends_and_grants_stay(socket: Path, around: Around) -> None:
    answer = await ask(socket)
    assert around.did == ["end", "record"]
    assert answer["ended"] == {"tokens": 2, "invocations": 1, "calls": 1, "credentials": 3, "sign_ins": 0}
    assert (answer["revoked"], answer["blocked_until"]) == ([], None)
    first, second = lines(answer).split("\n")
    assert first == f"{PRINCIPAL}: ended 2 verified tokens, 1 invocation, 1 open call, 3 credentials"
    assert "issuer still honours lets them in again" in second


async def test_who_is_kept_out_is_so_before_anything_ends(socket: Path, around: Around) -> None:
    answer = await ask(socket, "&block=3600&grants=yes")
    assert around.did == ["keep out 3600", "end", "record", "disconnect"]
    assert answer["blocked_until"] == 1_795_003_600
    assert [one["revoked"] for one in answer["revoked"]] == [True, False]
    told = lines(answer)
    assert "2 grants revoked" in told
    assert told.endswith("kept out until 2026-11-18T12:06:40+00:00: whatever token they bring is refused")


async def test_they_are_let_in_again_and_nothing_ends(socket: Path, around: Around) -> None:
    assert await ask(socket, method="DELETE") == {"blocked_until": None}
    assert around.did == ["keep out 0"]


async def test_where_there_was_nothing_it_is_said(socket: Path, around: Around) -> None:
    around.ended = Ended(0, 0, 0, 0, 0)
    assert lines(await ask(socket)).startswith(f"{PRINCIPAL}: nothing of theirs was open\n")


@pytest.mark.parametrize(
    ("step", "fault", "did", "said"),
    [
        ("record", AuditUnavailable("full"), "record", "it can't be recorded, so grants are as they were: full"),
        ("disconnect", VaultUnavailable("away"), "disconnect", "not all of their grants are revoked: away"),
        ("disconnect", Unusable("another key"), "disconnect", "none of their grants is revoked: another key"),
        ("keep out 60", OSError("no room"), "disconnect", "it can't be written down: no room"),
    ],
)
async def test_what_fails_is_told_beside_what_was_ended(
    socket: Path, around: Around, step: str, fault: Refusal | OSError, did: str, said: str
) -> None:
    around.faults[step] = fault
    answer = await ask(socket, "&block=60&grants=yes")
    assert around.did[-1] == did
    assert "end" in around.did
    assert answer["ended"]["tokens"] == 2
    assert answer["failure"].endswith(said)
