"""One generator for all of ``nn``, which a seed starts, and generators of a layer's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nn
from nn.random import generator


def draws() -> list[np.ndarray]:
    """Initial values and a mask."""
    return [nn.Linear(3, 2).weight.data, nn.functional.dropout(np.ones(20))]


def test_the_same_seed_gives_the_same_initial_values_and_masks() -> None:
    nn.manual_seed(3)
    first = draws()
    nn.manual_seed(3)
    second = draws()
    third = draws()
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(second, third, strict=True))


def test_the_state_of_the_generator_can_be_saved_and_returned_to(tmp_path: Any) -> None:
    nn.save({"rng": nn.get_rng_state()}, tmp_path / "state.npz")
    first = draws()
    nn.set_rng_state(nn.load(tmp_path / "state.npz")["rng"])
    assert all(np.array_equal(a, b) for a, b in zip(first, draws(), strict=True))


def test_a_generator_of_its_own_leaves_the_common_one_alone() -> None:
    before = nn.get_rng_state()
    layer, mask = nn.Linear(3, 2, rng=5), nn.functional.dropout(np.ones(20), rng=np.random.default_rng(5))
    assert nn.get_rng_state() == before
    np.testing.assert_array_equal(nn.Linear(3, 2, rng=5).weight.data, layer.weight.data)
    np.testing.assert_array_equal(nn.functional.dropout(np.ones(20), rng=5), mask)


@pytest.mark.parametrize("seed", [None, 1.5, "0"])
def test_a_seed_is_an_integer(seed: Any) -> None:
    with pytest.raises(TypeError, match="integer"):
        nn.manual_seed(seed)


@pytest.mark.parametrize("rng", [True, 0.5, "seed"])
def test_what_is_no_generator_is_refused(rng: Any) -> None:
    with pytest.raises(TypeError, match="rng is a numpy.random.Generator, a seed or None, not"):
        generator(rng)
