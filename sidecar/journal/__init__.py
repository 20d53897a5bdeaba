"""What happened? Events are recorded in a ring that outlives the process, and drained to the audit log."""

from sidecar.journal.journal import Journal, Level, Unusable
from sidecar.journal.subjects import Subjects

__all__ = ["Journal", "Level", "Subjects", "Unusable"]
