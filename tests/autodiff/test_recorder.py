"""The source code that records a call."""

import numpy as np
import pytest

from autodiff import Tensor, defvjp, recorder
from autodiff.primitive import REGISTRY
from autodiff.recorder import recorder_source


def test_the_example_in_the_docstring_is_the_code_that_runs():
    shown = recorder.__doc__.partition("::")[2].splitlines()
    source = recorder.recorder_source(REGISTRY[np.multiply]).splitlines()
    lines = [line[4:] for line in shown if line.strip() and "..." not in line]
    missing = [line for line in lines if line not in source]
    assert missing == []


def test_a_parameter_that_would_hide_what_a_recorder_uses_is_refused():
    function = defvjp(lambda x, type: x, x=lambda g: g)
    with pytest.raises(TypeError, match="a parameter cannot be called type; rename it"):
        function(Tensor(1.0), 2)
    del REGISTRY[function.__wrapped__]


def test_no_primitive_of_the_library_has_such_a_parameter():
    for primitive in REGISTRY.values():
        assert recorder_source(primitive)
