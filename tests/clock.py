"""A clock that a test can move."""

import time


class Clock:
    """Real time and what a test has added to it, in epoch seconds."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead
