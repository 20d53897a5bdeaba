"""What happened? Events are recorded in a ring that outlives the process, and drained to the audit log."""

from sidecar.journal.collector import Collector
from sidecar.journal.journal import Journal, Level
from sidecar.journal.place import Unusable
from sidecar.journal.spans import Ended
from sidecar.journal.subjects import Subjects

__all__ = ["Collector", "Ended", "Journal", "Level", "Subjects", "Unusable"]
