"""What an agent's container is given by the manifests, as ``sidecar env`` has it: fixed by convention."""

from collections.abc import Mapping

from sidecar.agent.environment import hands_out_aws, signs_aws, variables
from sidecar.settings import load
from tests.child import ROOT

SETTINGS = ROOT / "deploy" / "sidecar" / "sidecar.yaml"


def fixed() -> Mapping[str, str | None]:
    """For the settings that are deployed, where the sidecar makes the agent's handle."""
    settings = load(SETTINGS, {"ISSUER": "https://id.example.com", "AUDIENCE": "api://travel"})
    assert settings.agent.token is None
    return variables(
        listen=settings.egress.listen,
        run=settings.run.dir,
        handle=None,
        aws=hands_out_aws(settings.providers.values()),
        signs=signs_aws(settings.providers.values()),
    )
