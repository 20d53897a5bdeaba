"""The SDK stands alone: an agent that imports it gets nothing else, and none of the sidecar's own dependencies."""

import json
import re
import subprocess
import sys
from typing import Any

from sidecar import sdk
from tests.child import ROOT
from tests.examples import example
from tests.sdk.handles import HANDLES

LOADED = """
import json, sys
before = set(sys.modules)
from sidecar import sdk
with sdk.invocation(None):
    sdk.AsgiMiddleware(lambda *_: None), sdk.WsgiMiddleware(lambda *_: []), sdk.carry(print)
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def test_nothing_but_the_standard_library_is_imported_with_it() -> None:
    answer = subprocess.run(
        [sys.executable, "-S", "-E", "-c", LOADED], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    )
    loaded = json.loads(answer.stdout)
    own = {name for name in loaded if name.partition(".")[0] == "sidecar"}
    assert {name.partition(".")[0] for name in loaded} - {"sidecar"} <= sys.stdlib_module_names
    assert {name for name in own if name != "sidecar" and name.split(".")[1] != "sdk"} == set()
    assert "asyncio" not in loaded


def test_the_how_tos_threads_belong_to_the_call_that_started_them() -> None:
    names: dict[str, Any] = {}
    exec(example("how-to/sdk.md", "threading"), names)
    seen: list[str | None] = []
    with names["pool"], sdk.invocation(HANDLES[0]):
        names["report"](seen)
    assert seen == [HANDLES[0]] * 2


def test_the_how_to_names_everything_that_there_is() -> None:
    page = (ROOT / "docs" / "how-to" / "sdk.md").read_text()
    unnamed = {name for name in sdk.__all__ if not re.search(rf"sdk\.{name}\b", page)}
    assert unnamed == {"Principal", "Detached"}
