"""Running somebody's code so that it can neither run forever nor write all over the screen."""

from __future__ import annotations

import contextlib
import io
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

AGAIN = 0.5
"""After how many more seconds an alarm rings again, should the code have caught the first."""


class TimeIsUp(BaseException):
    """Raised in code that takes too long; no ``Exception``, so that ``except Exception`` does not stop it."""


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise ``TimeIsUp`` inside once the seconds are over; without effect on Windows and outside the main thread."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(signal_number: int, frame: Any) -> None:
        raise TimeIsUp

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Nothing that is printed appears, nor a warning; nobody is asked for input, and a program has no arguments."""
    keyboard, sys.stdin = sys.stdin, io.StringIO()
    arguments, sys.argv = sys.argv, sys.argv[:1]
    try:
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.stdin, sys.argv = keyboard, arguments
