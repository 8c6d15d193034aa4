"""Cross-entropy of class indices in float32, forward and backward, beside what an expert would write.

By hand there is one buffer: shifted logits, exponentials and gradient take its place in turn; and the row totals are a
product with ones, a third of the time of ``sum``. Ours must not overwrite what a second backward pass would need.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from ..measuring import HAND, OURS, Implementation, Workload
from ..peers import PYTORCH


def data(batch: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return 3 * rng.standard_normal((batch, classes), dtype=np.float32), rng.integers(classes, size=batch)


def by_hand(batch: int, classes: int) -> Implementation:
    logits, target = data(batch, classes)
    buffer, ones, rows = np.empty_like(logits), np.ones(classes, np.float32), np.arange(batch)

    def step() -> tuple:
        np.subtract(logits, logits.max(axis=1, keepdims=True), out=buffer)
        own = buffer[rows, target]
        np.exp(buffer, out=buffer)
        total = buffer @ ones
        loss = (np.log(total) - own).mean()
        np.multiply(buffer, ((1 / batch) / total)[:, None], out=buffer)
        buffer[rows, target] -= np.float32(1 / batch)
        return loss, buffer

    return Implementation(step, list)


def ours(batch: int, classes: int) -> Implementation:
    from autodiff import Tensor
    from nn.functional import cross_entropy

    logits, target = data(batch, classes)

    def step() -> list:
        leaf = Tensor(logits, requires_grad=True)
        loss = cross_entropy(leaf, target)
        loss.backward()
        return [loss, leaf.grad]

    return Implementation(step, lambda found: [t.data for t in found])


def pytorch(batch: int, classes: int) -> Implementation:
    import torch

    torch.set_num_threads(1)
    logits, target = map(torch.from_numpy, data(batch, classes))

    def step() -> list:
        leaf = logits.detach().requires_grad_()
        loss = torch.nn.functional.cross_entropy(leaf, target)
        loss.backward()
        return [loss, leaf.grad]

    return Implementation(step, lambda found: [t.detach().numpy() for t in found])


def cross_entropy(batch: int, classes: int, budget: dict[str, float]) -> Workload:
    return Workload(
        name=f"cross-entropy-{classes}",
        title=f"cross-entropy, batch {batch}, {classes:,} classes",
        makers={n: partial(make, batch, classes) for n, make in ((HAND, by_hand), (OURS, ours), (PYTORCH, pytorch))},
        budget=budget,
        tolerance=1e-5,
    )


WORKLOADS = [cross_entropy(128, 10_000, {HAND: 1.1, PYTORCH: 1.0}), cross_entropy(100, 10, {PYTORCH: 1.0})]
