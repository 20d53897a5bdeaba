"""The configuration's JSON Schema (draft 2020-12), for editors, made of the table of keys."""

from typing import Any

from sidecar.settings.table import CONFIGURATION
from sidecar.settings.who import definition


def document() -> dict[str, Any]:
    """What the reader takes is valid; what it refuses for more than its form (a name of nothing) may be, too."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Agent Identity Sidecar",
        **CONFIGURATION.schema(),
        "$defs": {
            "elsewhere": {
                "description": "Where a text is: in a variable of the environment, or in a file.",
                "type": "object",
                "properties": {"env": {"type": "string", "minLength": 1}, "file": {"type": "string", "minLength": 1}},
                "minProperties": 1,
                "maxProperties": 1,
                "additionalProperties": False,
            },
            "conditions": definition(),
        },
    }
