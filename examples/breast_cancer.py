"""Fit a logistic regression with SciPy's minimisers, and compare it with scikit-learn's own solution.

    python examples/breast_cancer.py            # 569 tumours with 30 measurements each, malignant or benign: seconds

The model is a linear layer, the loss scikit-learn's objective: half the squared weights, plus ``--strength`` times the
sum of the logistic losses. ``optim.minimize`` takes its gradients, and products with its Hessian, from the tape. Prints
for each method the objective, how often the loss was evaluated, the largest difference of a coefficient from
scikit-learn's, and the accuracy on tumours held out for the test.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

import nn
import optim
from autodiff import Tensor, no_grad

METHODS = {"L-BFGS-B": {"ftol": 1e-14, "gtol": 1e-7}, "BFGS": {}, "Newton-CG": {}, "trust-ncg": {"gtol": 1e-6}}
"""SciPy's methods that are compared, and their options."""


class Tumours(NamedTuple):
    """Measurements, as rows of mean 0 and standard deviation 1 over the training set, and which tumours are benign."""

    measurements: np.ndarray
    benign: np.ndarray


class Fit(NamedTuple):
    """A model, its objective on the training set, and SciPy's word on how it was found."""

    model: nn.Linear
    objective: float
    evaluations: int
    converged: bool


def data(seed: int) -> tuple[Tumours, Tumours]:
    """scikit-learn's breast-cancer data: three quarters for training, one quarter for the test."""
    measurements, benign = load_breast_cancer(return_X_y=True)
    train, test, train_benign, test_benign = train_test_split(
        measurements, benign, test_size=0.25, stratify=benign, random_state=seed
    )
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    return Tumours((train - mean) / deviation, train_benign), Tumours((test - mean) / deviation, test_benign)


def objective(model: nn.Linear, tumours: Tumours, strength: float) -> Tensor:
    """``|w|^2 / 2 + strength * sum_i log(1 + exp(-y_i (w @ x_i + b)))`` with y_i = 1 for benign, -1 for malignant."""
    signs = 2.0 * tumours.benign - 1.0
    scores = model(tumours.measurements)[:, 0]
    return 0.5 * np.sum(model.weight**2) + strength * np.sum(np.logaddexp(0.0, -signs * scores))


def fit(training: Tumours, strength: float, method: str) -> Fit:
    """The model that one of SciPy's methods finds, starting from zeros."""
    model = nn.Linear(training.measurements.shape[1], 1, dtype=np.float64)
    model.load_state_dict({name: np.zeros_like(value) for name, value in model.state_dict().items()})
    result = optim.minimize(lambda: objective(model, training, strength), model, method, options=METHODS[method])
    return Fit(model, result.fun, result.nfev, result.success)


def scikit_learns(training: Tumours, strength: float) -> nn.Linear:
    """scikit-learn's solution, as a model of the same kind."""
    found = LogisticRegression(C=strength, tol=1e-10, max_iter=10_000).fit(*training)
    model = nn.Linear(training.measurements.shape[1], 1, dtype=np.float64)
    model.load_state_dict({"weight": found.coef_, "bias": found.intercept_})
    return model


def coefficients(model: nn.Linear) -> np.ndarray:
    """The weights and the bias in one vector."""
    return np.append(model.weight.data, model.bias.data)


def accuracy(model: nn.Linear, tumours: Tumours) -> float:
    """The share of tumours that the model tells right."""
    with no_grad():
        return float(np.mean((model(tumours.measurements).data[:, 0] > 0) == tumours.benign))


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit with every method, and print the table."""
    parser = argparse.ArgumentParser(description="Fit a logistic regression with SciPy's minimisers.")
    parser.add_argument("--strength", type=float, default=1.0, help="scikit-learn's C: the weight of the data; 1")
    parser.add_argument("--seed", type=int, default=0, help="of the split into training and test; 0")
    options = parser.parse_args(arguments)
    if not 0 < options.strength < np.inf:
        parser.error(f"--strength is a positive number, not {options.strength}")
    training, test = data(options.seed)
    theirs = scikit_learns(training, options.strength)
    print(f"{'method':14}{'objective':>16}{'evaluations':>13}{'difference':>12}{'test accuracy':>15}")
    for method in METHODS:
        found = fit(training, options.strength, method)
        difference = np.max(np.abs(coefficients(found.model) - coefficients(theirs)))
        print(
            f"{method:14}{found.objective:16.8f}{found.evaluations:13}{difference:12.1e}"
            f"{accuracy(found.model, test):15.2%}{'' if found.converged else '  (did not converge)'}"
        )
    with no_grad():
        value = objective(theirs, training, options.strength)
    print(f"{'scikit-learn':14}{value:16.8f}{'':25}{accuracy(theirs, test):15.2%}")


if __name__ == "__main__":
    main()
