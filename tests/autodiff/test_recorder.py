"""The source code that records a call."""

import numpy as np

from autodiff import recorder
from autodiff.primitive import REGISTRY


def test_the_example_in_the_docstring_is_the_code_that_runs():
    shown = recorder.__doc__.partition("::")[2].splitlines()
    source = recorder.recorder_source(REGISTRY[np.multiply]).splitlines()
    lines = [line[4:] for line in shown if line.strip() and "..." not in line]
    missing = [line for line in lines if line not in source]
    assert missing == []
