"""Time limits, which somebody's code cannot escape, and silence."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
import warnings

import pytest

from autodiff.testing.layers.grading.limits import TimeIsUp, quiet, time_limit

needs_alarms = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no alarms here")


@needs_alarms
def test_code_that_takes_too_long_is_stopped_even_if_it_catches_everything_once() -> None:
    with pytest.raises(TimeIsUp), time_limit(0.05):
        with contextlib.suppress(BaseException):
            time.sleep(60)
        time.sleep(60)


@needs_alarms
def test_nothing_rings_afterwards_and_the_handler_is_the_one_before() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with time_limit(60):
        pass
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert signal.getsignal(signal.SIGALRM) is before


def test_in_other_threads_there_is_no_limit() -> None:
    ended = []

    def run() -> None:
        with time_limit(0.01):
            time.sleep(0.05)
        ended.append(True)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert ended


def test_prints_and_warnings_do_not_appear_and_questions_have_no_answer(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["program", "folder"])
    with quiet():
        assert sys.argv == ["program"]
        print("here")
        with pytest.raises(EOFError):
            input("Who is there? ")
        print("there", file=sys.stderr)
        warnings.warn("everywhere", stacklevel=1)
    assert sys.argv == ["program", "folder"]
    assert capfd.readouterr() == ("", "")
