"""Status and Reloaded as JSON documents."""

import json

from sidecar.ops.status import IssuerStatus, JournalStatus, Reloaded, Status


def test_ready_is_having_no_reason_not_to_be() -> None:
    status = Status(
        version="0.1.0",
        uptime=1.0,
        unready=("draining",),
        listeners={},
        issuers={"okta": IssuerStatus(0, None, "no route to host")},
        journal=JournalStatus(0.0, 0, 0),
        config="sidecar.yaml",
        digest="0" * 64,
    )
    document = json.loads(json.dumps(status.document()))
    assert document["ready"] is False
    assert document["issuers"] == {"okta": {"keys": 0, "age": None, "failure": "no route to host"}}


def test_a_reload_was_taken_when_it_has_no_problem() -> None:
    assert Reloaded(digest="0" * 64).document()["taken"] is True
    assert Reloaded(digest="0" * 64, problems=("one",)).document()["taken"] is False
