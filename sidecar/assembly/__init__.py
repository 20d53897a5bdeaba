"""Builds the house from the settings, runs it, and exchanges it on a reload. The clock and randomness are read here
alone.
"""

from sidecar.assembly.serve import serve
from sidecar.assembly.sidecar import Listener, Sidecar, Unstartable, running

__all__ = ["Listener", "Sidecar", "Unstartable", "running", "serve"]
