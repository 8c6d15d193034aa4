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
            UPDATE_V,
            f"{UPDATE_V}\n        self.NZ = (self.Z - self.running_M) / np.sqrt(self.running_V + self.eps)",
            "WRONG: training normalises by the running statistics, not by those of the batch; gradient of Z ",
        ),
        (
            "self.dLdBW = np.sum(",
            "self.dLdBW = np.mean(",
            "WRONG: dLdBW is off by a factor of 1/N = 1/4",
        ),
        ("BW", "stretch", "could not be checked: it has the parameters stretch besides gamma and beta"),
        ("running_", "remembered_", "could not be checked: running statistics: no arrays such as running_mean"),
    ],
)
def test_each_mistake_is_named(mutant: Callable, old: str, new: str, line: str) -> None:
    assert mutant(FILE, "BatchNorm1d", old, new).startswith(line)


@pytest.mark.parametrize(
    "of_the_batch, momentum, line",
    [
        (True, "0.1", "right: 3 gradients (BW, Bb summed), values, running statistics, evaluation"),
        (False, "0.9", "right: 3 gradients (BW, Bb summed), values, running statistics, evaluation"),
        (
            True,
            "0.2",
            "right: 3 gradients (BW, Bb summed), values, running statistics, evaluation; momentum is 0.2, in",
        ),
        (True, "0.9", "WRONG: running_M has momentum and 1 - momentum the wrong way around; running_V has "),
        (False, "0.1", "WRONG: running_M has momentum and 1 - momentum the wrong way around; running_V has "),
    ],
)
def test_momentum_may_be_the_share_of_the_batch_if_it_is_small_or_of_the_past(
    written: Grading, of_the_batch: bool, momentum: str, line: str
) -> None:
    source = (SOLUTIONS / FILE).read_text()
    if of_the_batch:
        for old, new in (
            ("self.alpha * self", "PAST * self"),
            ("(1 - self.alpha)", "self.alpha"),
            ("PAST", "(1 - self.alpha)"),
        ):
            source = source.replace(old, new)
    source = source.replace("0.9", momentum).replace("alpha", "momentum")
    assert written(norm=source)["BatchNorm1d"].line[: len(line)] == line


@pytest.mark.parametrize(
    "init, line",
    [
        ("self.BW = ", "WRONG: forward does not use BW"),
        ("_ = ", "right: 2 gradients (Bb summed), values, running statistics, evaluation; it has no scale"),
    ],
)
def test_a_scale_must_make_a_difference(written: Grading, init: str, line: str) -> None:
    source = (SOLUTIONS / FILE).read_text().replace("self.BW *", "1 *").replace("* self.BW", "* 1")
    source = source.replace("self.BW = ", init).replace("self.dLdBW", "_")
    assert written(norm=source)["BatchNorm1d"].line == line


def test_only_arrays_of_rows_and_columns_are_compared(written: Grading) -> None:
    source = (SOLUTIONS / FILE).read_text().replace("return self.BW * self.NZ + self.Bb", "return self.flat()")
    source = source.replace("dLdBZ * ", "dLdBZ.reshape(self.Z.shape) * ").replace("(dLdBZ, ", "(dLdBZ.reshape(-1, 3), ")
    source += "\n    def flat(self):\n        return (self.BW * self.NZ + self.Bb).ravel()\n"
    line = written(norm=source)["BatchNorm1d"].line
    assert line == "could not be checked: it takes and gives no arrays of the shape (N, C)"


def test_gradients_are_sums_whatever_the_parameters_are_called(written: Grading) -> None:
    source = (SOLUTIONS / FILE).read_text().replace("np.sum(dLdBZ", "np.mean(dLdBZ")
    source = source.replace("BW", "weight").replace("Bb", "bias")
    line = written(norm=source)["BatchNorm1d"].line
    assert line.startswith("WRONG: dLdweight is off by a factor of 1/N = 1/4; dLdbias is off by a factor of 1/N = 1/4")


def test_eps_outside_of_the_root_is_seen_at_tiny_deviations(mutant: Callable) -> None:
    line = mutant("cmu_2019/hw1.py", "BatchNorm", "np.sqrt(self.var + self.eps)", "(np.sqrt(self.var) + self.eps)")
    assert "the value of forward does not have eps = 1e-08 inside the root, beside the variance" in line


def test_another_eps_than_the_layer_says_is_seen_and_measured(mutant: Callable) -> None:
    line = mutant("cmu_2019/hw1.py", "BatchNorm", "self.var + self.eps", "self.var + 1e-6")
    assert "does not have eps = 1e-08 inside the root, beside the variance; it looks like 1e-06" in line
