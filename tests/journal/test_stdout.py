"""Lines on standard output, as slowly as their reader is."""

import os
import threading
import time

import pytest

from sidecar.journal.follower import Undelivered
from sidecar.journal.stdout import Stdout

LINES = [b'{"seq":%d,"x":"%b"}\n' % (seq, b"x" * 3000) for seq in range(100)]


def test_lines_are_written_as_they_are() -> None:
    reader, writer = os.pipe()
    Stdout(writer).deliver("events", LINES[:5])
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        assert file.read() == b"".join(LINES[:5])


def test_a_slow_reader_gets_every_line() -> None:
    reader, writer = os.pipe()
    delivered = threading.Thread(target=Stdout(writer).deliver, args=("events", LINES))
    delivered.start()
    time.sleep(0.3)
    assert delivered.is_alive()  # a pipe holds 64 KiB
    data = b""
    while len(data) < sum(map(len, LINES)):
        data += os.read(reader, 7000)
    delivered.join()
    assert data == b"".join(LINES)
    os.close(reader)
    os.close(writer)


def test_a_reader_that_never_reads_holds_nobody_up() -> None:
    reader, writer = os.pipe()
    stdout = Stdout(writer)
    raised: list[Exception] = []

    def deliver() -> None:
        try:
            stdout.deliver("events", LINES)
        except Undelivered as why:
            raised.append(why)

    delivered = threading.Thread(target=deliver)
    delivered.start()
    stdout.abort()
    delivered.join(2)
    assert [str(why) for why in raised] == ["its reader is too slow"]
    os.close(reader)
    os.close(writer)


def test_a_reader_that_is_gone_is_an_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        Stdout(writer).deliver("events", LINES[:1])
    os.close(writer)
