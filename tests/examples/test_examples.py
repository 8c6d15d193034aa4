"""The short examples do what their docstrings say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def output(name: str) -> str:
    """What an example prints, run as its docstring says, with warnings as errors."""
    command = [sys.executable, "-W", "error", str(EXAMPLES / name)]
    run = subprocess.run(command, env={"PYTHONPATH": str(EXAMPLES.parent)}, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_docstring_says_how_to_run_it(path: Path) -> None:
    assert f"    python examples/{path.name}" in path.read_text()


def test_your_own_function_agrees_with_differences_and_a_wrong_rule_does_not() -> None:
    printed = output("your_own_function.py")
    assert "gd'(x)  = [0.8868 0.6481 0.4251 0.2658]" in printed  # 1 / cosh(x)
    assert "gd''(x) = [-0.4098 -0.4936 -0.3848 -0.2562]" in printed  # -sinh(x) / cosh(x)^2
    agrees, wrong = printed.split("agrees with finite differences, to second order")
    assert "argument 0" in wrong and "argument 0" not in agrees


def test_rosenbrock_takes_fewer_evaluations_and_gets_closer_than_with_differences() -> None:
    found = re.findall(r"(\d+) evaluations, largest error of a coordinate (\S+)", output("rosenbrock.py"))
    (taped, error), (differences, other_error) = found
    assert int(taped) < int(differences) / 5
    assert float(error) < 1e-5 and float(error) < float(other_error)
