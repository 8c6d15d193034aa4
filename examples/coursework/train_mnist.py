"""Train the perceptrons of two exercises on digits by their own ``get_training_stats``, which is all NumPy by hand.

    python examples/coursework/train_mnist.py                   # scikit-learn's digits of 8x8 pixels: a minute
    python examples/coursework/train_mnist.py --data FOLDER     # MNIST from its four IDX files: minutes

For the exercises of CMU 11-785 of spring 2019 and 2021: the sample perceptron with three hidden layers, with and
without momentum and batch norm, and 2019's linear classifier, for more epochs. A sixth of the training digits is held
out for validation. The program shows its progress, and prints a table of how all came out, with the error on the test
digits. In ``experiments/mnist`` it leaves for each perceptron the four curves (``2021-momentum/curves.png``,
``history.csv``) and the parameters, and all settings. Interrupted, it goes on with ``--resume``: what is finished is
not trained again. The same seed gives the same numbers.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import runs
from datasets import Examples, images
from tqdm import tqdm

import nn

FOLDERS = {2019: ("hw1",), 2021: ("mytorch", "hw1")}
MODULES = {2019: ("hw1",), 2021: ("activation", "loss", "hw1")}
HIDDEN = (64, 64, 32)


class Variant(NamedTuple):
    """One perceptron of an exercise and how it is trained."""

    exercise: int
    hidden: tuple[int, ...] = HIDDEN
    lr: float = 0.008
    momentum: float = 0.0
    num_bn_layers: int = 0


SETTINGS: dict[str, dict[str, Any]] = {
    "plain": dict(lr=0.08),  # as far in the long run as 0.008 with momentum 0.9, which adds up to ten steps
    "momentum": dict(momentum=0.9),
    "batch-norm": dict(num_bn_layers=len(HIDDEN)),
    "momentum-batch-norm": dict(momentum=0.9, num_bn_layers=len(HIDDEN)),
}
VARIANTS = {
    "2019-linear": Variant(2019, hidden=(), lr=0.1),
    **{f"{year}-{name}": Variant(year, **settings) for year in FOLDERS for name, settings in SETTINGS.items()},
}


def exercise(year: int) -> SimpleNamespace:
    """What the modules of an exercise define, imported with its folders on the path, as its grader does.

    The modules are forgotten afterwards, for both exercises have one called hw1.
    """
    folders = [str(Path(__file__).parent / f"cmu_{year}" / folder) for folder in FOLDERS[year]]
    path, before = list(sys.path), set(sys.modules)
    sys.path[:0] = folders
    try:
        modules = [importlib.import_module(name) for name in MODULES[year]]
        return SimpleNamespace(**{name: value for module in modules for name, value in vars(module).items()})
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - before:
            if str(Path(getattr(sys.modules[name], "__file__", None) or "").parent) in folders:
                del sys.modules[name]


def small_normal(d0: int, d1: int) -> np.ndarray:
    """Initial weights: normal numbers of variance 1/d0, so that a layer's output varies as much as its input."""
    return np.random.normal(size=(d0, d1)) / np.sqrt(d0)


def zeros(d: int) -> np.ndarray:
    """Initial biases."""
    return np.zeros(d)


def perceptron(course: SimpleNamespace, variant: Variant, pixels: int) -> Any:
    """The exercise's own MLP, with sigmoids after its hidden layers."""
    return course.MLP(
        pixels,
        10,
        list(variant.hidden),
        [course.Sigmoid() for _ in variant.hidden] + [course.Identity()],
        small_normal,
        zeros,
        course.SoftmaxCrossEntropy(),
        variant.lr,
        momentum=variant.momentum,
        num_bn_layers=variant.num_bn_layers,
    )


def split(examples: Examples) -> tuple[np.ndarray, np.ndarray]:
    """Digits as the exercises take them: rows of numbers from 0 to 1, and rows of labels one-hot."""
    return examples.inputs.reshape(len(examples), -1) / 255, np.eye(10)[examples.labels]


def parameters(mlp: Any) -> dict[str, Any]:
    """The arrays of either exercise's MLP, by name: 2019's has lists of them, 2021's has layers."""
    layers = getattr(mlp, "linear_layers", None)
    linear = {
        name: getattr(mlp, name) if layers is None else [getattr(layer, name) for layer in layers] for name in "Wb"
    }
    norms = ("gamma", "beta", "running_mean", "running_var")
    return {**linear, **{name: [getattr(layer, name) for layer in mlp.bn_layers] for name in norms}}


def error_on(mlp: Any, examples: Examples) -> float:
    """The share of wrong answers, in evaluation mode."""
    inputs, labels = split(examples)
    mlp.eval()
    return float(np.mean(np.argmax(mlp.forward(inputs), axis=1) != np.argmax(labels, axis=1)))


def train(
    variant: Variant, data: Sequence[Examples], *, epochs: int, batch_size: int, seed: int, progress: tqdm
) -> Any:
    """The exercise's MLP, trained by its ``get_training_stats``, and what that returned, epoch by epoch.

    ``data`` is for training and validation.
    """
    course = exercise(variant.exercise)
    np.random.seed(seed)  # the exercises draw from NumPy's global generator
    parts = [split(examples) for examples in data]
    mlp = perceptron(course, variant, pixels=parts[0][0].shape[1])
    step = mlp.step

    def counted() -> None:
        step()
        progress.update()

    mlp.step = counted  # get_training_stats has no place for a progress bar
    stats = course.get_training_stats(mlp, (*parts, None), epochs, batch_size)
    return mlp, [runs.Epoch(*map(float, row)) for row in zip(*stats, strict=True)]


def finish(name: str, place: Path, data: Sequence[Examples], chosen: argparse.Namespace) -> None:
    """Train a perceptron, and leave its curves in a folder, then its parameters: they say that all is there."""
    variant, (training, validation, test) = VARIANTS[name], data
    place.mkdir(exist_ok=True)
    epochs, batch_size = (chosen.epochs, chosen.batch_size) if variant.hidden else (chosen.linear_epochs, 100)
    with tqdm(total=epochs * -(-len(training) // batch_size), unit=" batches", desc=name) as progress:
        mlp, history = train(
            variant,
            (training, validation),
            epochs=epochs,
            batch_size=batch_size,
            seed=chosen.seed,
            progress=progress,
        )
    runs.log(place, history, f"{name}: learning rate {variant.lr}, momentum {variant.momentum}")
    outcome = {"epochs": epochs, **history[-1]._asdict(), "test_error": error_on(mlp, test)}
    nn.save(parameters(mlp), place / runs.PARAMETERS, metadata=outcome)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train as the command line says."""
    parser = runs.options(
        "Train the perceptrons of CMU's exercises on digits.",
        name="mnist",
        epochs=None,
        batch_size=20,
        data="the four IDX files of MNIST, for 10 epochs; else scikit-learn's digits, for 100",
    )
    add = parser.add_argument
    which = f"which perceptrons (default: all of {', '.join(VARIANTS)})"
    add("--variants", nargs="+", metavar="NAME", choices=VARIANTS, default=list(VARIANTS), help=which)
    add("--linear-epochs", type=runs.number(int, 1), default=100, help="those of the linear classifier")
    chosen = parser.parse_args(arguments)
    chosen.epochs = chosen.epochs or (10 if chosen.data else 100)
    with runs.reported(parser):
        data = images(chosen.data, chosen.seed)
        parts = data.training.split(1 / 6, np.random.default_rng(chosen.seed))
        folder = runs.start(chosen)
        rows = []
        for name in chosen.variants:
            parameters_file = folder / name / runs.PARAMETERS
            if not parameters_file.exists():
                finish(name, folder / name, (*parts, data.test), chosen)
            rows.append((name, *nn.load_metadata(parameters_file).values()))
        header = ["perceptron", "epochs", *runs.Epoch._fields, "test_error"]
        runs.write_csv(folder / "table.csv", header, rows)
        print(runs.table(header, rows))
        print(f"tables, curves and parameters are in {folder}")


if __name__ == "__main__":
    main()
