"""A running sidecar's answers in words."""

import json
from dataclasses import replace
from typing import Any

import pytest

from sidecar.ops import report
from sidecar.ops.status import IssuerStatus, JournalStatus, Reloaded, Status

STATUS = Status(
    version="0.1.0",
    uptime=12_000.0,
    unready=(),
    listeners={"inbound": "http://0.0.0.0:8080", "control": "unix:/var/lib/sidecar/control.sock"},
    issuers={"okta": IssuerStatus(2, 61.0, None), "nightly": IssuerStatus(0, None, "connection refused")},
    journal=JournalStatus(fill=0.25, lost=0, rejected=1),
    config="config/sidecar.yaml",
    digest="ab" * 32,
    notes=("providers: has no effect yet",),
)


def read(document: dict[str, object]) -> dict[str, Any]:
    """As it comes over the wire."""
    return json.loads(json.dumps(document))  # type: ignore[no-any-return]  # json gives Any


def test_the_status_of_a_ready_sidecar() -> None:
    assert "\n".join(report.status(read(STATUS.document()))) == "\n".join(
        [
            "sidecar 0.1.0, up 3 h 20 min, ready",
            "listeners:",
            "    inbound  http://0.0.0.0:8080",
            "    control  unix:/var/lib/sidecar/control.sock",
            "issuers:",
            "    okta     2 keys, fetched 1 min 1 s ago",
            "    nightly  no keys yet; the last fetch failed: connection refused",
            "journal:",
            "    25% full, 0 events lost, 1 rejection",
            "configuration:",
            "    config/sidecar.yaml",
            "    sha256:" + "ab" * 32,
            "notes:",
            "    providers: has no effect yet",
        ]
    )


def test_what_waits_for_a_restart_is_in_the_status() -> None:
    lines = list(report.status(read(replace(STATUS, restart=("egress.listen", "state")).document())))
    assert lines[lines.index("waits for a restart:") :][:3] == [
        "waits for a restart:",
        "    egress.listen",
        "    state",
    ]


def test_why_a_sidecar_is_not_ready_comes_first() -> None:
    broken = replace(
        STATUS,
        unready=("the journal takes no events: full",),
        journal=JournalStatus(fill=1.0, lost=0, rejected=0, failure="full"),
    )
    lines = list(report.status(read(broken.document())))
    assert lines[0].endswith("not ready")
    assert lines[1] == "    the journal takes no events: full"
    assert "    takes no events: full" in lines


def test_a_section_with_nothing_in_it_is_left_out() -> None:
    lines = list(report.status(read(replace(STATUS, issuers={}, notes=()).document())))
    assert "issuers:" not in lines
    assert "notes:" not in lines


def test_a_reload_says_what_waits_for_a_restart() -> None:
    outcome = Reloaded(digest="cd" * 32, changed=True, restart=("inbound.listen",), notes=("vault: has no effect yet",))
    assert list(report.reloaded(read(outcome.document()))) == [
        "reloaded: sha256:cdcdcdcdcdcd",
        "    inbound.listen changed: it takes effect at the next start",
        "note: vault: has no effect yet",
    ]


def test_a_reload_of_the_same_file_says_so() -> None:
    assert list(report.reloaded(read(Reloaded(digest="cd" * 32).document()))) == [
        "nothing has changed: sha256:cdcdcdcdcdcd"
    ]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (59.9, "59 s"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (3605, "1 h 5 s"),
        (90_061, "1 d 1 h"),
        (400 * 86400, "400 d"),
    ],
)
def test_a_duration_is_said_in_two_units(seconds: float, words: str) -> None:
    assert report.duration(seconds) == words
