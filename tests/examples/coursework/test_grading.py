"""The grader, run on the five exercises as on any student's: what it finds right there, and what it cannot check."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys

import pytest

from .conftest import COURSEWORK

RIGHT = {
    "cmu_2025": "Identity Sigmoid Tanh ReLU GELU Softmax Linear BatchNorm1d MSELoss CrossEntropyLoss SGD "
    "MLP0 MLP1 MLP4",
    "cmu_2021": "MLP Identity Sigmoid Tanh ReLU BatchNorm Linear SoftmaxCrossEntropy",
    "cmu_2019": "Identity Sigmoid Tanh ReLU SoftmaxCrossEntropy BatchNorm MLP",
    "berkeley": "Linear Sigmoid TanH ReLU SoftMax ArcTan FullyConnected Conv2D Pool2D Flatten CrossEntropy SGD",
    "nyu_2022": "",
}

UNCHECKED = {
    "berkeley": {"NeuralNetwork": "NeuralNetwork needs loss, which cannot be guessed"},
    "nyu_2022": dict.fromkeys(("MLP", "mse_loss", "bce_loss"), "it computes with PyTorch's tensors"),
}


@pytest.mark.parametrize("course", RIGHT)
def test_grader_finds_each_class_right_or_says_why_it_cannot_tell(course: str) -> None:
    if course == "nyu_2022" and importlib.util.find_spec("torch") is None:
        pytest.skip("needs PyTorch")
    command = [sys.executable, "-W", "error", "-m", "autodiff.testing", str(COURSEWORK / course)]
    environment = {**os.environ, "PYTHONPATH": str(COURSEWORK.parents[1]), "OMP_NUM_THREADS": "1"}
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    card = process.stdout
    lines = [line for line in card.split("\n\n")[0].splitlines()[1:] if line[0] != " "]  # the first of each class
    found = {name: verdict for _, name, verdict in (line.split(None, 2) for line in lines)}
    right, unchecked = RIGHT[course].split(), UNCHECKED.get(course, {})
    assert sorted(found) == sorted([*right, *unchecked]), card + process.stderr
    assert {name for name, verdict in found.items() if verdict.startswith("right: ")} == set(right), card
    for name, reason in unchecked.items():
        assert found[name].startswith("could not be checked: ") and reason in card
    assert f"\n{len(right)} right, 0 wrong, {len(unchecked)} could not be checked\n" in card
    assert process.returncode == (2 if unchecked else 0)
    row = re.search(rf"^\| \[`{course}`\].*$", (COURSEWORK / "README.md").read_text(), re.MULTILINE)
    assert row[0].endswith(f"| {len(right)} of {len(found)} |")
