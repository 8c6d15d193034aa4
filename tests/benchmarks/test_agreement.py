"""The benchmarks compare like with like: by hand and on the tape, the same numbers come out. Nothing is timed here."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from .arrays import ARRAYS
from .chains import CHAINS
from .layers import LAYERS
from .matrices import product
from .measuring import HAND, OURS, Implementation, Workload, check_agreement
from .mlp import training_step
from .optimizers import OPTIMIZERS
from .regularized import training_step as regularized_step

WORKLOADS = [
    *CHAINS,
    training_step(8, {}),
    regularized_step(32),
    product(50),
    *ARRAYS,
    *LAYERS,
    *OPTIMIZERS,
]


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
def test_hand_written_code_and_tape_compute_the_same_numbers(workload: Workload) -> None:
    check_agreement(workload, (HAND, OURS))


def test_a_wrong_gradient_is_noticed() -> None:
    right = CHAINS[0].makers[HAND]
    gradient = right().step()
    wrong = lambda: Implementation(lambda: gradient * 1.0005, lambda found: [found])
    workload = replace(CHAINS[0], makers={HAND: right, OURS: wrong})
    with pytest.raises(AssertionError, match=r"operators: result 0 of ours differs .* by 5\.0e-04"):
        check_agreement(workload)


def test_a_gradient_of_zeros_proves_nothing() -> None:
    zeros = lambda: Implementation(lambda: np.zeros(3), lambda found: [found])
    with pytest.raises(AssertionError, match="says nothing"):
        check_agreement(Workload("zeros", "", {HAND: zeros, OURS: zeros}))
