"""The logistic regression: every method finds scikit-learn's coefficients, and the table says so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from examples import breast_cancer

ROOT = Path(__file__).parents[2]


def test_table_shows_that_all_methods_agree_with_scikit_learn() -> None:
    command = [sys.executable, "-W", "error", str(ROOT / "examples" / "breast_cancer.py")]
    run = subprocess.run(command, env={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    rows = [re.split(r"\s{2,}", line) for line in run.stdout.splitlines()]
    *ours, (name, value, accuracy) = rows[1:]
    assert name == "scikit-learn" and [row[0] for row in ours] == list(breast_cancer.METHODS)
    for _, own_value, evaluations, difference, own_accuracy in ours:
        assert float(own_value) == pytest.approx(float(value), abs=1e-7)
        assert int(evaluations) < 100 and float(difference) < 1e-5
        assert own_accuracy == accuracy and float(accuracy.rstrip("%")) > 94


@pytest.mark.parametrize("strength", [0.01, 10.0])
def test_coefficients_agree_at_every_strength_of_the_penalty(strength: float) -> None:
    training, _ = breast_cancer.data(seed=1)
    theirs = breast_cancer.coefficients(breast_cancer.scikit_learns(training, strength))
    for method in breast_cancer.METHODS:
        found = breast_cancer.fit(training, strength, method)
        assert found.converged
        np.testing.assert_allclose(breast_cancer.coefficients(found.model), theirs, atol=1e-4)


def test_a_strength_that_makes_no_sense_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        breast_cancer.main(["--strength", "-1"])
    assert "--strength is a positive number, not -1.0" in capsys.readouterr().err
