"""Ending a connection as a process does that dies: with a reset."""

import asyncio
import socket
import struct


def reset(writer: asyncio.StreamWriter) -> None:
    ours = writer.get_extra_info("socket")
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
