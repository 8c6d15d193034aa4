"""What ``autodiff.testing`` offers, with and without the packages that some of it needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from autodiff import testing

ROOT = Path(__file__).parents[3]

WITHOUT = """
import sys
for name in ("hypothesis", "pytest"):
    sys.modules[name] = None
import numpy as np
from autodiff import testing

assert testing.check_grads(np.sin, np.ones(2)).share == 1
assert testing.check_layer(np.tanh, np.ones(2)).share == 1
for name in ("check_primitive", "strategies"):
    try:
        getattr(testing, name)
    except ModuleNotFoundError as error:
        print(error)
"""


def test_functions_and_layers_are_checked_without_hypothesis_which_the_others_ask_for() -> None:
    process = subprocess.run([sys.executable, "-c", WITHOUT], cwd=ROOT, capture_output=True, text=True, check=True)
    assert process.stdout.splitlines() == [
        f"autodiff.testing.{name} needs the package hypothesis: pip install hypothesis"
        for name in ("check_primitive", "strategies")
    ]


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'check_everything'"):
        testing.check_everything  # noqa: B018
