"""What the process makes of faults where nobody waits."""

import asyncio
import logging
import ssl

import pytest

from sidecar.assembly.serve import run


async def _fault(message: str, error: Exception) -> int:
    asyncio.get_running_loop().call_exception_handler({"message": message, "exception": error})
    return 7


def test_a_tls_connection_that_was_cut_off_is_a_line_and_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert run(_fault("Fatal error on SSL protocol", ssl.SSLError("record"))) == 7
    (record,) = caplog.records
    assert (record.levelname, record.exc_info) == ("INFO", None)
    assert "SSLError" in record.getMessage()


def test_any_other_fault_has_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    assert run(_fault("a callback failed", RuntimeError("kaputt"))) == 7
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert record.exc_info is not None
