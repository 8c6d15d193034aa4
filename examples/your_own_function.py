"""Teach the tape a function of your own in one line, and check the line.

    python examples/your_own_function.py

The function is the Gudermannian gd(x) = 2 arctan(tanh(x / 2)), whose derivative is 1 / cosh(x). Prints its gradient,
that of the gradient, and that both agree with finite differences; then what the check says of a wrong rule.
"""

from __future__ import annotations

import numpy as np

from autodiff import Tensor, defvjp, elementwise_grad
from autodiff.testing import check_grads


def gudermannian(x: np.ndarray) -> np.ndarray:
    """Maps the real line to (-pi/2, pi/2)."""
    return 2 * np.arctan(np.tanh(x / 2))


gd = defvjp(gudermannian, x=lambda g, x: g / np.cosh(x))


def main() -> None:
    """Use the new primitive, and check it."""
    points = np.linspace(0.5, 2.0, 4)
    x = Tensor(points, requires_grad=True)
    np.sum(gd(x)).backward()
    print("gd'(x)  =", np.round(x.grad, 4))
    print("gd''(x) =", np.round(elementwise_grad(elementwise_grad(gd))(points), 4))

    check_grads(gd, points, order=2)
    print("agrees with finite differences, to second order")

    wrong = defvjp(lambda x: gudermannian(x), x=lambda g, x: 1.001 * g / np.cosh(x))
    try:
        check_grads(wrong, points)
    except AssertionError as error:
        print("a rule that is wrong by a thousandth:")
        print(error)


if __name__ == "__main__":
    main()
