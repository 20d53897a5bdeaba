"""The identity API: what the agent asks the sidecar itself. Imported when it is first asked."""

from sidecar.api.application import application
from sidecar.api.surroundings import Surroundings

__all__ = ["Surroundings", "application"]
