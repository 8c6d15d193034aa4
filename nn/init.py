"""Initial values of parameters, all drawn from one generator."""

from __future__ import annotations

import numpy as np

_generator = np.random.default_rng()


def manual_seed(seed: int) -> None:
    """Start the generator of all initial values again: the same seed, the same values."""
    global _generator
    _generator = np.random.default_rng(seed)


def uniform(shape: tuple[int, ...], low: float, high: float) -> np.ndarray:
    """Independent values between ``low`` and ``high``, in float64: the same for parameters of every dtype."""
    return _generator.uniform(low, high, shape)
