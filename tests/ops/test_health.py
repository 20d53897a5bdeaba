"""The health listener, asked as probes and Prometheus ask."""

from collections.abc import Iterable

import pytest

from sidecar.ops import health, metrics
from sidecar.ops.metrics import Sample
from tests.ops.conftest import Serve


class House:
    """What assembly tells the application."""

    def __init__(self) -> None:
        self.reasons: tuple[str, ...] = ()

    def unready(self) -> tuple[str, ...]:
        return self.reasons

    def samples(self) -> Iterable[Sample]:
        yield metrics.BUILD(1, "0.1.0")
        yield metrics.READY(int(not self.reasons))


async def test_readyz_says_yes_or_no_and_never_why(serve: Serve) -> None:
    house = House()
    client = await serve(health.application(unready=house.unready, samples=house.samples))
    async with client.get("/readyz") as answer:
        assert (answer.status, await answer.text()) == (200, "ready\n")
    house.reasons = ("no issuer's keys were fetched yet: okta",)
    async with client.get("/readyz") as answer:
        assert (answer.status, await answer.text()) == (503, "not ready\n")
        assert "okta" not in str(answer.headers)


async def test_livez_holds_while_the_sidecar_is_not_ready(serve: Serve) -> None:
    house = House()
    house.reasons = ("the sidecar is draining: it was told to stop",)
    client = await serve(health.application(unready=house.unready, samples=house.samples))
    async with client.get("/livez") as answer:
        assert (answer.status, await answer.text()) == (200, "alive\n")


async def test_metrics_are_current_and_in_the_format_that_prometheus_reads(serve: Serve) -> None:
    house = House()
    client = await serve(health.application(unready=house.unready, samples=house.samples))
    async with client.get("/metrics") as answer:
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert "\nsidecar_ready 1\n" in await answer.text()
    house.reasons = ("draining",)
    async with client.get("/metrics") as answer:
        assert "\nsidecar_ready 0\n" in await answer.text()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
async def test_nothing_can_be_changed(serve: Serve, method: str, path: str) -> None:
    client = await serve(health.application(unready=tuple, samples=tuple))
    async with client.request(method, path) as answer:
        assert answer.status == 405


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/", "/status"])
async def test_an_answer_is_not_cached_and_names_no_software(serve: Serve, path: str) -> None:
    client = await serve(health.application(unready=tuple, samples=tuple))
    async with client.get(path) as answer:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Server" not in answer.headers
        assert answer.status == (404 if path in {"/", "/status"} else 200)


async def test_a_probe_may_ask_with_head(serve: Serve) -> None:
    client = await serve(health.application(unready=lambda: ("draining",), samples=tuple))
    async with client.head("/readyz") as answer:
        assert answer.status == 503
