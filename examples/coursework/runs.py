"""What the training programs share: options, a folder for each run, training that can be resumed, tables and plots."""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from datasets import DataError, Dataset, Examples, digits, images
from matplotlib.figure import Figure
from tqdm import tqdm

import nn
import optim
from autodiff import no_grad

number = digits.number

HYPERPARAMETERS, CHECKPOINT, HISTORY = "hyperparameters.json", "checkpoint.npz", "history.csv"
PARAMETERS, CURVES = "parameters.npz", "curves.png"

EVALUATED_AT_ONCE = 500
"""Examples; what a network keeps of more would not stay in the processor's cache."""

Augment = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""Changes a batch of inputs at random, in ways that leave their classes what they are."""


class Standardize(nn.Module):
    """The first layer: numbers or bytes as float32, of mean 0 and standard deviation 1 in each channel (axis 1).

    Statistics are those of the first few thousand training inputs, which tell them well enough; they are saved with the
    model's parameters.
    """

    def __init__(self, inputs: np.ndarray) -> None:
        some = inputs[:5000]
        axes = (0, *range(2, inputs.ndim))
        shape = (-1, *(1,) * (inputs.ndim - 2))
        self.register_buffer("mean", some.mean(axes).astype(np.float32).reshape(shape))
        self.register_buffer("std", np.maximum(some.std(axes), 1e-6).astype(np.float32).reshape(shape))

    def forward(self, x: np.ndarray) -> np.ndarray:
        return (x.astype(np.float32) - self.mean) / self.std


class Epoch(NamedTuple):
    """How a model did in one pass over the training examples: mean losses, and shares of wrong answers.

    Those of training are of the batches as they were trained on, so they lag behind those of validation.
    """

    training_loss: float
    training_error: float
    validation_loss: float
    validation_error: float


class Help(argparse.ArgumentDefaultsHelpFormatter):
    """Shows defaults, but for those that say nothing, and those that are described already."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default is None or action.default is False or "default" in (action.help or ""):
            return action.help
        return super()._get_help_string(action)


def options(description: str, *, name: str, epochs: int | None, batch_size: int, data: str) -> argparse.ArgumentParser:
    """A parser of what all the programs can be told, with a program's own defaults."""
    parser = argparse.ArgumentParser(description=description, formatter_class=Help, allow_abbrev=False)
    add = parser.add_argument
    add("--data", type=Path, metavar="FOLDER", help=data)
    add("--epochs", type=number(int, 1), default=epochs, help="passes over the training examples")
    add("--batch-size", type=number(int, 1), default=batch_size, help="examples in each step")
    add("--seed", type=number(int, 0, 2**32 - 1), default=0, help="of everything random")
    add("--experiments", type=Path, metavar="FOLDER", default=Path("experiments"), help="where the runs are kept")
    add("--name", default=name, help="of this run: its folder in that of the experiments")
    add("--resume", action="store_true", help="go on with the run of this name where it was interrupted")
    return parser


@contextmanager
def reported(parser: argparse.ArgumentParser) -> Iterator[None]:
    """Within it, what is wrong with a file ends the program with a message, and so does an interruption."""
    try:
        yield
    except (DataError, nn.CheckpointError, OSError) as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        parser.exit(130, "\ninterrupted; --resume goes on with this run\n")


def start(chosen: argparse.Namespace) -> Path:
    """The folder of a run, new unless it is to be resumed, with its hyper-parameters in it.

    Raises:
        DataError: there is such a run already, or it is to be resumed but was another one.
    """
    folder = chosen.experiments / chosen.name
    kept = {name: value for name, value in vars(chosen).items() if name not in ("experiments", "name", "resume")}
    kept["data"] = None if chosen.data is None else str(chosen.data.resolve())
    file = folder / HYPERPARAMETERS
    if not chosen.resume:
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            raise DataError(
                f"{folder} is there already, and is not overwritten: give this run another --name, go on with the old "
                "one by --resume, or delete it"
            ) from None
        file.write_text(json.dumps(kept, indent=2) + "\n")
        return folder
    try:
        earlier = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{file}: cannot be read, so there is no run to resume ({error})") from error
    differences = [
        f"{name} {earlier.get(name)!r}, not {kept[name]!r}" for name in kept if earlier.get(name) != kept[name]
    ]
    if differences:
        raise DataError(f"{folder}: the run to resume had " + "; ".join(differences))
    return folder


class _State(NamedTuple):
    """Everything that training depends on from one epoch to the next."""

    model: nn.Module
    optimizer: optim.Optimizer
    scheduler: optim.LRScheduler
    rng: np.random.Generator
    history: list[Epoch]

    def save(self, path: Path) -> None:
        """Write it all to a checkpoint."""
        saved = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "layers_rng": nn.get_rng_state(),
            "batches_rng": self.rng.bit_generator.state,
            "history": [tuple(epoch) for epoch in self.history],
        }
        nn.save(saved, path)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint.

        Raises:
            DataError: it is damaged, or another training's.
        """
        try:
            saved = nn.load(path)
            self.model.load_state_dict(saved["model"])
            self.optimizer.load_state_dict(saved["optimizer"])
            self.scheduler.load_state_dict(saved["scheduler"])
            nn.set_rng_state(saved["layers_rng"])
            self.rng.bit_generator.state = saved["batches_rng"]
            self.history[:] = [Epoch(*epoch) for epoch in saved["history"]]
        except (nn.CheckpointError, KeyError, TypeError, ValueError) as error:
            raise DataError(f"{path}: there is no going on from this checkpoint: {error}") from error


def fit(
    model: nn.Module,
    optimizer: optim.Optimizer,
    training: Examples,
    validation: Examples,
    *,
    epochs: int,
    batch_size: int,
    seed: int,
    augment: Augment | None = None,
    checkpoint: Path | None = None,
    progress: tqdm | None = None,
) -> list[Epoch]:
    """Train by cross-entropy; the rate falls linearly from that of the optimiser to 0.

    Args:
        model: gives logits for inputs; is changed.
        optimizer: that of its parameters.
        training: examples to learn from.
        validation: examples that are looked at after each epoch, but decide nothing.
        epochs: how many times to go through the training examples.
        batch_size: how many to take at a time.
        seed: of their order.
        augment: changes the inputs of each batch.
        checkpoint: a file that is written after each epoch. If it is there, training goes on from it, and ends with
            the same bits as if it had never been interrupted.
        progress: is told each batch; a bar of this training alone if it is not given.
    """
    batches = -(-len(training) // batch_size)
    scheduler = optim.PolynomialLR(optimizer, total_iters=epochs * batches)
    criterion = nn.CrossEntropyLoss()
    state = _State(model, optimizer, scheduler, np.random.default_rng(seed), [])
    history, rng = state.history, state.rng
    if checkpoint is not None and checkpoint.exists():
        state.load(checkpoint)
    new = partial(tqdm, total=epochs * batches, unit=" batches", initial=len(history) * batches)
    with new() if progress is None else nullcontext(progress) as bar:
        while len(history) < epochs:
            model.train()
            loss_sum, wrong = 0.0, 0
            for batch in shuffled(training, batch_size, rng):
                inputs = batch.inputs if augment is None else augment(batch.inputs, rng)
                logits = model(inputs)
                loss = criterion(logits, batch.labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                scheduler.step()
                loss_sum += loss.item() * len(batch)
                wrong += int(np.sum(np.argmax(logits.data, axis=1) != batch.labels))
                bar.update()
            history.append(Epoch(loss_sum / len(training), wrong / len(training), *evaluate(model, validation)))
            bar.set_postfix({name: _cell(value) for name, value in history[-1]._asdict().items()})
            if checkpoint is not None:
                state.save(checkpoint)
    return history


def shuffled(examples: Examples, batch_size: int, rng: np.random.Generator) -> Iterator[Examples]:
    """All examples in random order, in batches."""
    order = rng.permutation(len(examples))
    for i in range(0, len(examples), batch_size):
        yield examples.take(order[i : i + batch_size])


def predict(model: nn.Module, inputs: np.ndarray) -> np.ndarray:
    """The logits of a model for inputs, without dropout, batch norm by its running averages."""
    model.eval()
    with no_grad():
        parts = [model(inputs[i : i + EVALUATED_AT_ONCE]).data for i in range(0, len(inputs), EVALUATED_AT_ONCE)]
    return np.concatenate(parts)


def evaluate(model: nn.Module, examples: Examples) -> tuple[float, float]:
    """The mean cross-entropy, and the share of wrong answers."""
    logits = predict(model, examples.inputs)
    loss = nn.functional.cross_entropy(logits, examples.labels)
    return float(loss), float(np.mean(np.argmax(logits, axis=1) != examples.labels))


def train_classifier(
    parser: argparse.ArgumentParser,
    arguments: Sequence[str] | None,
    network: Callable[[Examples, argparse.Namespace], nn.Module],
    augmentation: Callable[[Dataset], Augment | None] = lambda data: None,
) -> tuple[Path, Dataset, np.ndarray]:
    """Train a network on images with Adam, as the command line says; leave its curves and parameters in its folder.

    Args:
        parser: from ``options``.
        arguments: of the command line.
        network: makes a model for the training examples; it may look at them to standardise its inputs.
        augmentation: makes what changes the batches of a data set.

    Returns:
        The folder, the data set, and the model's logits for the test examples.
    """
    add = parser.add_argument
    add("--lr", type=number(float, 0, 1), default=2e-3, help="Adam's rate at first; it falls linearly to 0")
    add("--validation-share", type=number(float, 0, 1), default=0.1, help="of the training examples, held out")
    chosen = parser.parse_args(arguments)
    with reported(parser):
        data = images(chosen.data, chosen.seed)
        training, validation = data.training.split(chosen.validation_share, np.random.default_rng(chosen.seed))
        nn.manual_seed(chosen.seed)
        model = network(training, chosen)
        optimizer = optim.Adam(model.parameters(), lr=chosen.lr)
        folder = start(chosen)
        history = fit(
            model,
            optimizer,
            training,
            validation,
            epochs=chosen.epochs,
            batch_size=chosen.batch_size,
            seed=chosen.seed,
            augment=augmentation(data),
            checkpoint=folder / CHECKPOINT,
        )
        print(table(["epoch", *Epoch._fields], [(i, *epoch) for i, epoch in enumerate(history, start=1)]))
        source = "scikit-learn's digits" if chosen.data is None else chosen.data.resolve().name
        counts = f"{len(training)} training and {len(validation)} validation examples"
        log(folder, history, f"{chosen.name}: {counts} of {source}")
        nn.save(model, folder / PARAMETERS, metadata={"model": repr(model), "optimizer": repr(optimizer)})
        logits = predict(model, data.test.inputs)
    accuracy = np.mean(np.argmax(logits, axis=1) == data.test.labels)
    print(f"validation accuracy {1 - history[-1].validation_error:.2%} of {len(validation)} examples")
    print(f"test accuracy {accuracy:.2%} of {len(data.test)} examples")
    print(f"table, curves and parameters are in {folder}")
    return folder, data, logits


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Rows as aligned columns of text, all to the right."""
    shown = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *shown)]
    lines = [header, ["-" * width for width in widths], *shown]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths)) for line in lines)


def _cell(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.4f}" if abs(value) < 1e4 else f"{value:.3g}"


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A file of comma-separated values."""
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def log(folder: Path, history: Sequence[Epoch], title: str) -> None:
    """Write the epochs of a run as a table (``history.csv``) and as curves (``curves.png``)."""
    write_csv(folder / HISTORY, ["epoch", *Epoch._fields], [(i, *epoch) for i, epoch in enumerate(history, start=1)])
    plot_curves(folder / CURVES, history, title)


def plot_curves(path: Path, history: Sequence[Epoch], title: str) -> None:
    """The four curves: loss and error, of training and of validation."""
    epochs = np.arange(1, len(history) + 1)
    figure = Figure(figsize=(9, 4), layout="constrained")
    figure.suptitle(title)
    for axes, what, label in zip(figure.subplots(1, 2), ("loss", "error"), ("cross-entropy", "share of wrong answers")):
        for part in ("training", "validation"):
            axes.plot(epochs, [getattr(epoch, f"{part}_{what}") for epoch in history], marker=".", label=part)
        axes.set(xlabel="epoch", ylabel=label)
        axes.set_ylim(bottom=0)
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        axes.legend()
    figure.savefig(path)
