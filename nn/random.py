"""Random numbers: one generator for all initial values and masks, unless a layer is given its own."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

import numpy as np

from autodiff import drawing

Seed = np.random.Generator | int | None
"""What ``rng=`` takes: a generator, a seed for a new one, or None for the one that ``manual_seed`` starts."""

_generator = np.random.default_rng()


def manual_seed(seed: int) -> None:
    """Start the generator of all initial values and masks again: the same seed, the same values.

    Raises:
        TypeError: the seed is no integer.
    """
    seed = operator.index(seed)
    set_rng_state(np.random.default_rng(seed).bit_generator.state)


def get_rng_state() -> Mapping[str, Any]:
    """The state of the generator, for ``set_rng_state`` to return to; plain numbers, which ``nn.save`` stores."""
    return _generator.bit_generator.state


def set_rng_state(state: Mapping[str, Any]) -> None:
    """Go on with the random numbers where ``get_rng_state`` was called.

    Raises:
        ValueError: it is not the state of such a generator.
    """
    _generator.bit_generator.state = state


def generator(rng: Seed = None) -> np.random.Generator:
    """What to draw from: ``rng`` itself, a new generator for a seed, or the one that all layers share.

    Raises:
        TypeError: ``rng`` is none of these.
    """
    if rng is None:
        return drawing(_generator)
    if isinstance(rng, np.random.Generator):
        return drawing(rng)
    if isinstance(rng, (int, np.integer)) and not isinstance(rng, bool):
        return np.random.default_rng(rng)
    raise TypeError(f"rng is a numpy.random.Generator, a seed or None, not {rng!r}")
