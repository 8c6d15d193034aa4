"""Minimise plain NumPy code with SciPy, the gradient coming from the tape.

    python examples/rosenbrock.py

The Rosenbrock function of ten variables, a curved valley with its minimum 0 at (1, ..., 1), knows nothing of the tape;
``value_and_grad`` turns it into what ``scipy.optimize.minimize(jac=True)`` asks for. Prints how many evaluations BFGS
takes with this gradient, and with SciPy's own finite differences.
"""

from __future__ import annotations

import numpy as np
import scipy.optimize

from autodiff import value_and_grad


def rosenbrock(x: np.ndarray) -> np.ndarray:
    """sum_i 100 (x_{i+1} - x_i^2)^2 + (1 - x_i)^2"""
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def main() -> None:
    """Minimise with the tape's gradient, and without."""
    start = np.zeros(10)
    taped = scipy.optimize.minimize(value_and_grad(rosenbrock), start, jac=True, method="BFGS")
    differences = scipy.optimize.minimize(rosenbrock, start, method="BFGS")
    for name, result in (("the tape's gradient", taped), ("finite differences", differences)):
        distance = np.max(np.abs(result.x - 1))
        print(f"{name:20} {result.nfev:5d} evaluations, largest error of a coordinate {distance:.1e}")


if __name__ == "__main__":
    main()
