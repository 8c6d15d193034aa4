"""Tell three species of iris apart by four lengths: which learning rate and which size of the hidden layer are best?

    python examples/coursework/train_iris.py                   # the 150 irises that scikit-learn carries: seconds
    python examples/coursework/train_iris.py --data FOLDER     # from the file iris.data as it is published

Trains a two-layer network for each combination of ``--lr`` and ``--hidden`` by gradient descent with momentum, prints
their table, and takes the one with the least validation loss; only that one sees the irises held out for the test. In
``experiments/iris`` it leaves the table (``grid.csv``, ``grid.png``), the best network's curves (``curves.png``,
``history.csv``) and parameters (``parameters.npz``), and all settings. The same seed gives the same numbers, so
``--resume`` just starts this short run again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import runs
from datasets import Examples, iris
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from tqdm import tqdm

import nn
import optim

MOMENTUM = 0.9


class Trial(NamedTuple):
    """A network trained with one combination of the grid, epoch by epoch."""

    lr: float
    hidden: int
    model: nn.Module
    history: list[runs.Epoch]

    @property
    def row(self) -> tuple:
        """The combination, and how it came out in the last epoch."""
        return self.lr, self.hidden, *self.history[-1]


HEADER = ["lr", "hidden", *runs.Epoch._fields]


def two_layers(training: Examples, hidden: int, classes: int) -> nn.Sequential:
    """A linear layer, ReLU, another linear layer, on lengths that are standardised."""
    return nn.Sequential(
        runs.Standardize(training.inputs),
        nn.Linear(training.inputs.shape[1], hidden),
        nn.ReLU(),
        nn.Linear(hidden, classes),
    )


def search(
    training: Examples,
    validation: Examples,
    classes: int,
    *,
    rates: Sequence[float],
    sizes: Sequence[int],
    epochs: int,
    batch_size: int,
    seed: int,
) -> list[Trial]:
    """A network for each combination; all see the same batches, those of one size start from the same parameters."""
    trials = []
    steps = epochs * -(-len(training) // batch_size)
    with tqdm(total=len(rates) * len(sizes) * steps, unit=" batches") as progress:
        for hidden in sizes:
            for lr in rates:
                progress.set_description(f"lr {lr}, hidden {hidden}")
                nn.manual_seed(seed)
                model = two_layers(training, hidden, classes)
                optimizer = optim.SGD(model.parameters(), lr=lr, momentum=MOMENTUM, nonfinite="skip")
                with np.errstate(all="ignore"):  # at a rate that is too high, numbers grow until they overflow
                    history = runs.fit(
                        model,
                        optimizer,
                        training,
                        validation,
                        epochs=epochs,
                        batch_size=batch_size,
                        seed=seed,
                        progress=progress,
                    )
                trials.append(Trial(lr, hidden, model, history))
    return trials


def best_of(trials: Sequence[Trial]) -> Trial | None:
    """The one with the least validation loss after the last epoch; None if all have diverged."""
    converged = [trial for trial in trials if np.isfinite(trial.history[-1].validation_loss)]
    return min(converged, key=lambda trial: trial.history[-1].validation_loss, default=None)


def plot_grid(path: Path, trials: Sequence[Trial], rates: Sequence[float], sizes: Sequence[int]) -> None:
    """The validation loss of all combinations."""
    losses = np.array([trial.history[-1].validation_loss for trial in trials]).reshape(len(sizes), len(rates))
    figure = Figure(figsize=(max(6, 2 + 0.8 * len(rates)), max(4, 1 + 0.4 * len(sizes))), layout="constrained")
    axes = figure.subplots()
    norm = LogNorm() if np.any(np.isfinite(losses) & (losses > 0)) else None
    picture = axes.imshow(losses, cmap="viridis_r", norm=norm, aspect="auto")
    axes.set(xlabel="learning rate", ylabel="hidden size", title="validation loss after the last epoch")
    axes.set_xticks(range(len(rates)), [f"{rate:g}" for rate in rates])
    axes.set_yticks(range(len(sizes)), [str(size) for size in sizes])
    for (row, column), loss in np.ndenumerate(losses):
        axes.text(column, row, f"{loss:.3g}", ha="center", va="center", bbox={"color": "white", "alpha": 0.7})
    figure.colorbar(picture)
    figure.savefig(path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Search as the command line says."""
    parser = runs.options(
        "Find the best two-layer network on the irises.",
        name="iris",
        epochs=100,
        batch_size=10,
        data="with iris.data; else scikit-learn's irises",
    )
    add = parser.add_argument
    add(
        "--lr",
        type=runs.number(float, 0, 1e100),
        nargs="+",
        default=[0.001, 0.01, 0.1, 1.0],
        help="learning rates to try",
    )
    add("--hidden", type=runs.number(int, 1), nargs="+", default=[2, 8, 32], help="sizes of the hidden layer to try")
    chosen = parser.parse_args(arguments)
    with runs.reported(parser):
        data = iris(chosen.data, chosen.seed)
        training, validation = data.training.split(0.25, np.random.default_rng(chosen.seed))
        folder = runs.start(chosen)
        trials = search(
            training,
            validation,
            len(data.classes),
            rates=chosen.lr,
            sizes=chosen.hidden,
            epochs=chosen.epochs,
            batch_size=chosen.batch_size,
            seed=chosen.seed,
        )
        best = best_of(trials)
        rows = [trial.row for trial in trials]
        shown = [(f"{row[0]:g}", *row[1:], "best" if trial is best else "") for trial, row in zip(trials, rows)]
        print(runs.table([*HEADER, ""], shown))
        runs.write_csv(folder / "grid.csv", HEADER, rows)
        plot_grid(folder / "grid.png", trials, chosen.lr, chosen.hidden)
        if best is None:
            parser.exit(1, f"all of them diverged, so none is the best: try a lower --lr; tables are in {folder}\n")
        runs.log(folder, best.history, f"Iris, learning rate {best.lr}, {best.hidden} hidden units")
        nn.save(best.model, folder / runs.PARAMETERS, metadata={"lr": best.lr, "model": repr(best.model)})
        _, error = runs.evaluate(best.model, data.test)
        print(f"best: lr {best.lr}, hidden {best.hidden}; test error {error:.2%} of {len(data.test)} irises")
        print(f"tables, curves and parameters are in {folder}")


if __name__ == "__main__":
    main()
