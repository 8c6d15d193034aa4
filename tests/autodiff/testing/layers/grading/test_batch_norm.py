"""Each rule of a batch norm, broken."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .conftest import SOLUTIONS, Grading

FILE = "cmu_2025/mytorch/nn/batchnorm.py"
UPDATE_M = "self.running_M = self.alpha * self.running_M + (1 - self.alpha) * self.M"
UPDATE_V = "self.running_V = self.alpha * self.running_V + (1 - self.alpha) * self.V"


@pytest.mark.parametrize(
    "old, new, line",
    [
        (
            "(1 - self.alpha) * self.V",
            "(1 - self.alpha) * Z.var(axis=0, ddof=1)",
            "WRONG: running_V has the unbiased variance (N-1); the biased one is asked for",
        ),
        (
            UPDATE_M,
            "self.running_M = (1 - self.alpha) * self.running_M + self.alpha * self.M",
            "WRONG: running_M has alpha and 1 - alpha the wrong way around",
        ),
        (UPDATE_M, "self.running_M = self.M", "WRONG: running_M is that of the last batch"),
        (UPDATE_V, "pass", "WRONG: running_V is never updated"),
        (
            "self.running_V = np.ones",
            "self.running_V = np.zeros",
            "WRONG: running_V is not alpha * old + (1 - alpha) * batch from 1 on, with alpha = 0.9",
        ),
        (
            "self.eps = 1e-8",
            "self.eps = 1e-5",
            "right: 3 gradients (BW, Bb summed), values, running statistics, evaluation; "
            "eps is 1e-05, in the exercises 1e-08",
        ),
        ("self.eps = 1e-8", "self.eps = 1.0", "WRONG: eps is 1; the exercises want 1e-08"),
        ("alpha=0.9", "alpha=1.9", "WRONG: alpha is 1.9; the exercises want 0.9"),
        (
            "alpha=0.9",
            "alpha=0.8",
            "right: 3 gradients (BW, Bb summed), values, running statistics, evaluation; "
            "alpha is 0.8, in the exercises 0.9",
        ),
        (
            "self.running_V + self.eps",
            "self.running_V",
            "WRONG: evaluation normalises otherwise than with eps and by running_M and running_V",
        ),
        (
            "self.eps",
            "self.epsilon_of_mine",
            "right: 3 gradients (BW, Bb summed), values, running statistics, evaluation",
        ),
        (
            "        if eval:\n            return self.BW * (Z - self.running_M)",
            "        if eval:\n            return self.BW * (Z - Z.mean(axis=0))",
            "WRONG: evaluation normalises otherwise than with eps and by running_M and running_V",
        ),
        (
            "        if eval:",
            "        if not self.N:",
            "WRONG: evaluation normalises by the batch's own statistics, not by",
        ),
        (
            "        if eval:",
            "        if eval:\n            self.running_M = self.running_M + 1\n        if eval:",
            "WRONG: evaluation normalises otherwise than with eps and by running_M and running_V",
        ),
        (
            "self.BW * self.NZ + self.Bb",
            "self.NZ",
            "WRONG: ",
        ),
        (
            "return self.BW * (Z - self.running_M)",
            "self.running_M, M = self.running_M + 1, self.running_M\n            return self.BW * (Z - M)",
            "WRONG: evaluation changes running_M or running_V",
        ),
        (
            "eval",
            "how",
            "could not be checked: evaluation: forward has no argument such as eval, and the layer no method",
        ),
        (
            "    def forward(self, Z, eval=False):\n",
            "    training = True\n\n    def eval(self):\n        self.training = False\n\n"
            "    def forward(self, Z):\n        eval = not self.training\n",
            "right: 3 gradients (BW, Bb summed), values, running statistics, evaluation",
        ),
        (
            "self.NZ = (Z - self.M) / np.sqrt(self.V + self.eps)",
            "self.NZ = (self.Z - self.running_M) / np.sqrt(self.running_V + self.eps)",
            "WRONG: training normalises by the running statistics, not by those of the batch; gradient of Z ",
        ),
        (
            "self.dLdBW = np.sum(",
            "self.dLdBW = np.mean(",
            "WRONG: dLdBW is off by a factor of 1/N = 1/4",
        ),
        ("running_", "remembered_", "could not be checked: running statistics: no arrays such as running_mean"),
    ],
)
def test_each_mistake_is_named(mutant: Callable, old: str, new: str, line: str) -> None:
    assert mutant(FILE, "BatchNorm1d", old, new).startswith(line)


def test_momentum_may_be_the_share_of_the_batch(written: Grading) -> None:
    source = (SOLUTIONS / FILE).read_text().replace("(1 - self.alpha)", "self.momentum").replace("0.9", "0.1")
    source = source.replace("self.alpha * self", "(1 - self.momentum) * self").replace("alpha", "momentum")
    line = written(norm=source)["BatchNorm1d"].line
    assert line == "right: 3 gradients (BW, Bb summed), values, running statistics, evaluation"


def test_eps_outside_of_the_root_is_seen_at_tiny_deviations(mutant: Callable) -> None:
    line = mutant("cmu_2019/hw1.py", "BatchNorm", "np.sqrt(self.var + self.eps)", "(np.sqrt(self.var) + self.eps)")
    assert "the value of forward does not have eps = 1e-08 inside the root, beside the variance" in line


def test_another_eps_than_the_layer_says_is_seen_and_measured(mutant: Callable) -> None:
    line = mutant("cmu_2019/hw1.py", "BatchNorm", "self.var + self.eps", "self.var + 1e-6")
    assert "does not have eps = 1e-08 inside the root, beside the variance; it looks like 1e-06" in line
