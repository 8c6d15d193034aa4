"""Steps of optimisers and models, each with one mistake."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from autodiff.testing.layers.grading.updates import RULES, mistake

from .conftest import SOLUTIONS, Grading

CMU, BERKELEY = "cmu_2025/mytorch/optim/sgd.py", "berkeley/neural_networks/optimizers.py"

PARTS = {"sgd": "optim/sgd.py", "linear": "nn/linear.py"}


@pytest.mark.parametrize("rule", range(len(RULES)))
def test_every_rule_is_told_from_the_others(rule: int) -> None:
    phrase, step = RULES[rule]
    rng = np.random.default_rng(0)
    w, v = rng.normal(size=3), np.zeros(3)
    points, gradients = [w], [rng.normal(size=3) for _ in range(3)]
    for g in gradients:
        w, v = step(w, v, g, 0.3, 0.9)
        points.append(w)
    assert mistake(points, gradients, 0.3, 0.9) == phrase
    points[-1] = points[-1] + 1e-3
    assert mistake(points, gradients, 0.3, 0.9) == "is not v = momentum * v + gradient, W = W - lr * v"


@pytest.mark.parametrize(
    "file, old, new, line",
    [
        (CMU, "W - self.lr", "W + self.lr", "WRONG: with no momentum it goes up the gradient"),
        (CMU, "self.mu * self.v_W[i] + ", "", "WRONG: with momentum 0.9 it ignores the momentum"),
        (CMU, "- self.lr", "+ self.lr", "WRONG: with no momentum it goes up the gradient; with momentum 0.9 it goes"),
        (
            CMU,
            "mu * self.v_b[i]",
            "v_b[i]",
            "WRONG: with no momentum it is not v = momentum * v + gradient, W = W - lr * v for b",
        ),
        (CMU, "- self.lr *", "-", "WRONG: with no momentum it ignores the learning rate"),
        (CMU, ' if hasattr(layer, "W")', "", "WRONG: it does not pass over layers without parameters: they have no W"),
        (CMU, "model.layers", "model.parameters()", "could not be checked: it asks the model for parameters, not for"),
        (CMU, "dLdW", "W_gradient", "could not be checked: it asks the layers of the model for W_gradient, not for"),
        (CMU, "self.L = len(self.l)", "self.L = len(self.k)", "WRONG: SGD.__init__("),
        (BERKELEY, "return param - ", "return ", "right: 3 steps with no momentum, 3 steps with momentum 0.9"),
        (BERKELEY, "self.lr * param_grad", "param_grad", "WRONG: with no momentum it ignores the learning rate"),
        (
            BERKELEY,
            "self.lr * param_grad",
            "(1 - self.momentum) * self.lr * param_grad",
            "WRONG: with momentum 0.9 it weights ",
        ),
        (CMU, "lr", "learning_rate", "right: 3 steps with no momentum, 3 steps with momentum 0.9"),
        (CMU, "momentum", "mu", "right: 3 steps with no momentum, 3 steps with momentum 0.9"),
        (
            CMU,
            "lr * self.v_W[i]",
            "lr * (self.mu * self.v_W[i] + self.l[i].dLdW)",
            "WRONG: with momentum 0.9 it looks ahead",
        ),
        (
            CMU,
            "+ self.l[i].dLdW",
            "+ self.lr * self.l[i].dLdW",
            "WRONG: with no momentum it applies the learning rate twice for W",
        ),
        (
            CMU,
            "self.l[i].b = ",
            "b = ",
            "WRONG: with no momentum it changes nothing for b; with momentum 0.9 it changes",
        ),
        (BERKELEY, "momentum", "inertia", "right: 3 steps with no momentum; it takes no momentum"),
        (BERKELEY, "update(self, param_name, ", "update(self, ", "could not be checked: its constructor"),
    ],
)
def test_mistakes_of_optimisers_are_named(mutant: Callable, file: str, old: str, new: str, line: str) -> None:
    assert mutant(file, "SGD", old, new)[: len(line)] == line


@pytest.mark.parametrize("other", ["another_course", "his_course"])  # before and after "course"
def test_an_optimiser_may_look_for_the_linear_layers_of_its_folder(grades: Grading, tmp_path: Path, other: str) -> None:
    sources = {name: (SOLUTIONS / "cmu_2025/mytorch" / path).read_text() for name, path in PARTS.items()}
    own = sources["sgd"].replace('hasattr(layer, "W")', "isinstance(layer, Linear)")
    files = {
        "course/linear.py": sources["linear"],
        "course/sgd.py": f"from linear import Linear\n{own}",
        f"{other}/layers.py": sources["linear"],
    }
    for file, source in files.items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(source)
    assert grades(tmp_path)["SGD"].line == "right: 3 steps with no momentum, 3 steps with momentum 0.9"


def solution(**changes: list[tuple[str, str]]) -> dict[str, str]:
    """The sources of the solution of 2021, some of them changed."""
    files = {path.stem: path.read_text() for path in (SOLUTIONS / "cmu_2021").rglob("*.py")}
    for name, pairs in changes.items():
        for old, new in pairs:
            assert old in files[name]
            files[name] = files[name].replace(old, new)
    return files


def test_a_model_has_its_own_steps_checked(written: Grading) -> None:
    changes = [
        ("layer.W + layer.momentum_W", "layer.W - layer.momentum_W"),
        ("self.momentum * layer.momentum_b", "0 * layer.momentum_b"),
    ]
    line = written(**solution(hw1=changes))["MLP"].line
    assert line.startswith("WRONG: step goes up the gradient for model.linear_layers[0].W; ")
    assert "; step ignores the momentum for model.linear_layers[1].b" in line


def test_steps_of_a_model_whose_momentum_is_not_known_are_not_checked(written: Grading) -> None:
    line = written(**solution(hw1=[("self.momentum", "self.inertia")]))["MLP"].line
    assert line == "could not be checked: step: no attributes lr and momentum, or no gradients"


def test_gradients_without_the_leading_axis_of_their_parameters_are_those_of_2019(written: Grading) -> None:
    found = written(**solution(linear=[("axis=0, keepdims=True", "axis=0")]))
    assert found["Linear"].line == "right: 3 gradients (W, b averaged), values; gradients of b are 1-D, as in 2019"
    assert found["MLP"].line.startswith(
        "right: 4 gradients (W, b averaged), step with momentum; gradients of b are 1-D"
    )
