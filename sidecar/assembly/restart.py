"""What a reload can't change."""

from collections.abc import Iterator
from typing import Any

from sidecar.settings import Settings


def needs_restart(before: Settings, after: Settings) -> Iterator[str]:
    """The keys whose new values take effect once the sidecar has been started again."""
    pairs: tuple[tuple[str, Any, Any], ...] = (
        ("agent.concurrency", before.agent.concurrency, after.agent.concurrency),
        ("agent.token", before.agent.token, after.agent.token),
        ("inbound.listen", before.inbound.listen, after.inbound.listen),
        ("inbound.tls", before.inbound.tls is None, after.inbound.tls is None),
        ("egress.listen", before.egress.listen, after.egress.listen),
        ("consent.public_url", before.consent.public_url is None, after.consent.public_url is None),
        ("consent.listen", before.consent.listen, after.consent.listen),
        ("health.listen", before.health.listen, after.health.listen),
        ("state", before.state, after.state),
        ("run", before.run, after.run),
        ("vault.url", before.vault.url, after.vault.url),
        ("audit", before.audit, after.audit),
        ("telemetry", before.telemetry, after.telemetry),
        ("reload", before.reload, after.reload),
    )
    return (key for key, old, new in pairs if old != new)
