"""Plot the schedules of the learning rate, side by side.

    python examples/schedules.py                        # writes schedules.png
    python examples/schedules.py --output FILE --steps 200

Each curve is the rate that a scheduler sets, step by step, for an optimiser with the rate 1. Prints a table of some of
the rates.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import optim
from autodiff import Tensor
from optim import schedules

Scheduler = Callable[[optim.Optimizer], optim.LRScheduler]


def gallery(n: int) -> dict[str, Scheduler]:
    """Schedulers by name, with settings that show what they do in ``n`` steps."""
    warm_cosine = partial(
        schedules.warmup, schedule=partial(schedules.cosine_annealing, T_max=n - n // 5), warmup_steps=n // 5
    )
    cyclic = partial(optim.CyclicLR, base_lr=0.1, max_lr=1.0, step_size_up=n // 8, cycle_momentum=False)
    one_cycle = partial(optim.OneCycleLR, max_lr=1.0, total_steps=n, cycle_momentum=False)
    return {
        "StepLR": partial(optim.StepLR, step_size=n // 4, gamma=0.5),
        "MultiStepLR": partial(optim.MultiStepLR, milestones=[n // 2, n * 3 // 4], gamma=0.3),
        "ConstantLR": partial(optim.ConstantLR, factor=0.25, total_iters=n // 4),
        "LinearLR": partial(optim.LinearLR, start_factor=0.1, total_iters=n // 2),
        "ExponentialLR": partial(optim.ExponentialLR, gamma=0.05 ** (1 / n)),
        "PolynomialLR": partial(optim.PolynomialLR, total_iters=n, power=2.0),
        "CosineAnnealingLR": partial(optim.CosineAnnealingLR, T_max=n // 2),
        "CosineAnnealingWarmRestarts": partial(optim.CosineAnnealingWarmRestarts, T_0=n // 7, T_mult=2),
        'CyclicLR, "triangular"': cyclic,
        'CyclicLR, "triangular2"': partial(cyclic, mode="triangular2"),
        'CyclicLR, "exp_range"': partial(cyclic, mode="exp_range", gamma=0.1 ** (1 / n)),
        "OneCycleLR": one_cycle,
        "OneCycleLR, three_phase": partial(one_cycle, three_phase=True, anneal_strategy="linear", div_factor=5.0),
        "LambdaLR: 1 / sqrt(1 + t)": partial(optim.LambdaLR, lr_lambda=lambda t: (1 + t) ** -0.5),
        "LambdaLR: warm-up, then a cosine": partial(optim.LambdaLR, lr_lambda=warm_cosine),
        "MultiplicativeLR": partial(optim.MultiplicativeLR, lr_lambda=lambda t: 1 - 2 * t / n**2),
        "ChainedScheduler": partial(chained, n=n),
        "SequentialLR": partial(sequential, n=n),
        "SWALR after half of it": partial(averaging, n=n),
        "ReduceLROnPlateau": partial(optim.ReduceLROnPlateau, factor=0.5, patience=n // 8),
    }


def chained(optimizer: optim.Optimizer, n: int) -> optim.ChainedScheduler:
    """A warm-up in a straight line, times an exponential decay."""
    return optim.ChainedScheduler(
        [optim.LinearLR(optimizer, 0.1, total_iters=n // 5), optim.ExponentialLR(optimizer, 0.1 ** (1 / n))]
    )


def sequential(optimizer: optim.Optimizer, n: int) -> optim.SequentialLR:
    """A warm-up in a straight line, then a decay in steps, then a cosine."""
    parts = [
        optim.LinearLR(optimizer, 0.1, total_iters=n // 5),
        optim.StepLR(optimizer, n // 10, gamma=0.7),
        optim.CosineAnnealingLR(optimizer, n // 2),
    ]
    return optim.SequentialLR(optimizer, parts, milestones=[n // 5, n // 2])


def averaging(optimizer: optim.Optimizer, n: int) -> optim.SequentialLR:
    """An exponential decay, then on to the constant rate at which weights are averaged."""
    parts = [optim.ExponentialLR(optimizer, 0.1 ** (1 / n)), optim.SWALR(optimizer, 0.3, anneal_epochs=n // 5)]
    return optim.SequentialLR(optimizer, parts, milestones=[n // 2])


def rates(scheduler: Scheduler, n: int) -> np.ndarray:
    """The rate of each of ``n`` steps; a scheduler that wants a metric is given one that stops falling half-way."""
    optimizer = optim.SGD([Tensor([0.0], requires_grad=True)], lr=1.0)
    schedule = scheduler(optimizer)
    found = []
    for t in range(n):
        found.append(optimizer.param_groups[0]["lr"])
        if isinstance(schedule, optim.ReduceLROnPlateau):
            schedule.step(max(n // 2 - t, 1))
        else:
            schedule.step()
    return np.array(found)


def plot(curves: dict[str, np.ndarray], path: Path) -> None:
    """Write a picture of all curves, four in a row."""
    rows = -(-len(curves) // 4)
    figure = Figure(figsize=(14, 2.3 * rows), layout="constrained")
    axes = figure.subplots(rows, 4, sharex=True, sharey=True).ravel()
    for ax, (name, curve) in zip(axes, curves.items()):
        ax.plot(curve)
        ax.set_title(name, fontsize=10)
        ax.grid(alpha=0.3)
    for ax in axes[len(curves) :]:
        ax.set_axis_off()
    figure.supxlabel("step")
    figure.supylabel("rate")
    figure.savefig(path, dpi=100)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the plot, and print the table."""
    parser = argparse.ArgumentParser(description="Plot the schedules of the learning rate.")
    parser.add_argument("--steps", type=int, default=100, help="on the horizontal axis, at least 20; 100")
    parser.add_argument("--output", type=Path, default=Path("schedules.png"), help="the file; schedules.png")
    options = parser.parse_args(arguments)
    if options.steps < 20:
        parser.error(f"--steps is at least 20, not {options.steps}")
    curves = {name: rates(scheduler, options.steps) for name, scheduler in gallery(options.steps).items()}
    shown = [round(i * (options.steps - 1) / 5) for i in range(6)]
    print(f"{'rate at step':34}" + "".join(f"{t:8}" for t in shown))
    for name, curve in curves.items():
        print(f"{name:34}" + "".join(f"{curve[t]:8.4f}" for t in shown))
    plot(curves, options.output)
    print(f"plotted in {options.output}")


if __name__ == "__main__":
    main()
