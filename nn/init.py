"""Initial values of parameters."""

from __future__ import annotations

import numpy as np

from .random import Seed, generator


def uniform(shape: tuple[int, ...], low: float, high: float, rng: Seed = None) -> np.ndarray:
    """Independent values between ``low`` and ``high``, in float64: the same for parameters of every dtype."""
    return generator(rng).uniform(low, high, shape)
