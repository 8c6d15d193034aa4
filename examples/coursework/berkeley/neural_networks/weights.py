"""Initial weights by name: those of ``nn.init``, with the exercise's order of axes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from autodiff import Tensor
from nn import init

from .tables import look_up

INITIALIZERS: dict[str, Callable] = {
    "xavier_uniform": init.xavier_uniform_,
    "xavier_normal": init.xavier_normal_,
    "he_uniform": partial(init.kaiming_uniform_, nonlinearity="relu"),
    "he_normal": partial(init.kaiming_normal_, nonlinearity="relu"),
    "orthogonal": init.orthogonal_,
}


class WeightInitializer:
    """Draws weights of a shape (in, out) or (height, width, in, out).

    ``nn.init`` has outputs first, inputs second, so it is given the axes in reverse.

    Args:
        name: one of ``INITIALIZERS``.
        rng: a generator or seed; the generator of ``nn.manual_seed`` if not given.

    Raises:
        ValueError: there are no such initial weights.
    """

    def __init__(self, name: str, rng: np.random.Generator | int | None = None) -> None:
        self.name = name
        self.rng = rng
        self.initialize = look_up("weight_init", INITIALIZERS, name)

    def __call__(self, shape: tuple[int, ...]) -> np.ndarray:
        return self.initialize(Tensor(np.empty(shape[::-1])), rng=self.rng).data.T.copy()
