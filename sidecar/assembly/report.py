"""What a running sidecar says of itself: its metrics and its status."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sidecar import __version__
from sidecar.ops import metrics, process, traffic
from sidecar.ops.metrics import Sample
from sidecar.ops.status import IssuerStatus, JournalStatus, Status

if TYPE_CHECKING:
    from sidecar.assembly.sidecar import Sidecar


def samples(sidecar: "Sidecar") -> Iterator[Sample]:
    yield metrics.BUILD(1, __version__)
    yield metrics.READY(0 if sidecar.unready() else 1)
    for listener in sidecar.listeners.values():
        yield from traffic.samples(listener.name, listener.relay)
    invocations = sidecar.ground.invocations
    yield metrics.HANDLES(invocations.open_count, "open")
    yield metrics.HANDLES(invocations.lingering_count, "lingering")
    yield metrics.AGENT_CALLS(sidecar.outward.record.own_during)
    for name, state in sidecar.house.keyring.states().items():
        yield metrics.ISSUER_KEYS(state.keys, name)
        if state.age is not None:
            yield metrics.ISSUER_KEY_AGE(state.age, name)
    level = sidecar.ground.journal.level()
    yield metrics.JOURNAL_FILL(level.unread / level.capacity)
    yield metrics.JOURNAL_LOST(level.lost)
    yield metrics.JOURNAL_REJECTED(level.rejections + level.summed_up)
    yield from process.samples()


def status(sidecar: "Sidecar") -> Status:
    level = sidecar.ground.journal.level()
    return Status(
        version=__version__,
        uptime=round(sidecar.uptime, 3),
        unready=sidecar.unready(),
        listeners={listener.name: listener.url for listener in sidecar.listeners.values()},
        issuers={
            name: IssuerStatus(state.keys, state.age, state.failure)
            for name, state in sidecar.house.keyring.states().items()
        },
        journal=JournalStatus(
            fill=level.unread / level.capacity,
            lost=level.lost,
            rejected=level.rejections + level.summed_up,
            failure=level.failure,
        ),
        config=str(sidecar.config),
        digest=sidecar.settings.digest,
        restart=sidecar.restart,
        notes=sidecar.settings.notes,
    )
