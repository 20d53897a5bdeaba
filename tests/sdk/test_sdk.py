"""The SDK stands alone: an agent that imports it gets nothing else, and none of the sidecar's own dependencies."""

import json
import subprocess
import sys

from tests.child import ROOT

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
