"""A collector is reached over HTTP and gRPC, plain and with TLS, with the headers that it asks for."""

import logging
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc  # type: ignore[import-untyped]  # it has no stubs
import pytest
import trustme

from sidecar.journal import Collector
from sidecar.journal import collector as module
from sidecar.journal.collector import Reasons
from sidecar.journal.follower import Undelivered
from sidecar.journal.otlp import LogRecords
from sidecar.secret import Secret
from tests.journal import receiver

LINE = b'{"seq":7,"time":"2026-11-24T10:33:55.608533760Z","name":"x","trace_id":"","span_id":"","attributes":{}}\n'
KEY = Secret("s3cret-key")


def deliver(collector: Collector) -> None:
    records = LogRecords(collector)
    try:
        records.deliver("events", [LINE])
    finally:
        records.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exporter's own retries end after the first."""
    monkeypatch.setattr(module, "_SECONDS", 1.3)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return tmp_path / "ca.pem"


@pytest.fixture
def over_tls(authority: trustme.CA) -> Iterator[tuple[int, receiver.Received]]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with receiver.http(context=context) as found:
        yield found


def test_over_http_with_headers() -> None:
    with receiver.http() as (port, received):
        deliver(Collector(f"http://127.0.0.1:{port}/", "travel", headers={"X-Key": KEY}))
    assert received.headers["x-key"] == KEY.reveal()
    assert received.uids == ["events-7"]


def test_over_https_with_an_authority_of_its_own(over_tls: tuple[int, receiver.Received], ca_file: Path) -> None:
    port, received = over_tls
    deliver(Collector(f"https://127.0.0.1:{port}", "travel", ca_file=ca_file))
    assert received.uids == ["events-7"]


def test_a_collector_that_nobody_vouches_for_gets_nothing(over_tls: tuple[int, receiver.Received]) -> None:
    port, received = over_tls
    with pytest.raises(Undelivered, match="CERTIFICATE_VERIFY_FAILED"):
        deliver(Collector(f"https://127.0.0.1:{port}", "travel"))
    assert received.logs == []


def test_over_grpc_with_headers() -> None:
    with receiver.over_grpc() as (port, received):
        collector = Collector(f"http://127.0.0.1:{port}", "travel", "grpc", headers={"X-Key": KEY})
        deliver(collector)
    assert received.headers["x-key"] == KEY.reveal()
    assert received.uids == ["events-7"]


def test_over_grpc_with_tls(authority: trustme.CA, ca_file: Path) -> None:
    certificate = authority.issue_cert("127.0.0.1")
    chain = certificate.cert_chain_pems[0].bytes()
    credentials = grpc.ssl_server_credentials([(certificate.private_key_pem.bytes(), chain)])
    with receiver.over_grpc(credentials) as (port, received):
        deliver(Collector(f"https://127.0.0.1:{port}", "travel", "grpc", ca_file=ca_file))
    assert received.uids == ["events-7"]


def test_the_resource_names_the_agent_and_the_instance() -> None:
    with receiver.http() as (port, received):
        deliver(Collector(f"http://127.0.0.1:{port}", "travel", instance="i1"))
    (resource,) = received.logs[0].resource_logs
    found = receiver.attributes(resource.resource.attributes)
    assert (found["service.name"], found["service.instance.id"]) == ("travel", "i1")
    assert resource.scope_logs[0].scope.name == "agent-identity-sidecar"


@pytest.mark.parametrize("status", [302, 308, 400, 404, 500])
def test_an_answer_that_is_no_success_delivers_nothing(status: int) -> None:
    with receiver.http() as (port, received):
        received.status = status
        with pytest.raises(Undelivered, match=str(status)) as caught:
            deliver(Collector(f"http://127.0.0.1:{port}", "travel", headers={"X-Key": KEY}))
    assert KEY.reveal() not in str(caught.value)
    assert received.logs == []


def test_a_collector_does_not_print_its_headers() -> None:
    assert KEY.reveal() not in repr(Collector("http://x.example", "travel", headers={"X-Key": KEY}))


def test_exporters_reasons_are_kept_for_their_thread_and_out_of_the_log() -> None:
    reasons = Reasons.listen()
    assert Reasons.listen() is reasons
    logger = logging.getLogger("opentelemetry.exporter.otlp.test")
    logger.warning("Transient %s", "refused")
    logger.warning("Again.")
    logger.error("Failed.")
    assert not logging.getLogger("opentelemetry.exporter.otlp").propagate
    other = threading.Thread(target=logger.error, args=("of another thread",))
    other.start()
    other.join()
    assert reasons.take() == "Transient refused; Failed"
    assert reasons.take() == "no reason was given"
