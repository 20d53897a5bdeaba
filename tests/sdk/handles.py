"""Handles such as the sidecar makes, of calls that nobody made. They are the same in every process: tests are named by
them."""

from random import Random

from sidecar.invocation.handle import Handles

HANDLES = [Handles(Random(seed).randbytes).make()[0].decode() for seed in range(20)]
