"""Handles such as the sidecar makes, of calls that nobody made."""

import os

from sidecar.invocation.handle import Handles

HANDLES = [Handles(os.urandom).make()[0].decode() for _ in range(20)]
