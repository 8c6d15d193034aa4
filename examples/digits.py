"""Train a classifier on handwritten digits.

    python examples/digits.py                   # the 1797 digits of 8x8 pixels that scikit-learn carries: seconds
    python examples/digits.py --data FOLDER     # MNIST, 28x28 pixels, from its four IDX files in FOLDER: half a minute

A multi-layer perceptron learns with Adam, at a rate that falls linearly to 0, from images with a little noise added.
Shows the progress, prints the accuracy on digits held out for the test, and writes to ``--output`` the learning curve
(``learning_curve.png``) and the trained parameters (``model.safetensors``). The same seed gives the same numbers.
"""

from __future__ import annotations

import argparse
import gzip
import os
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import safetensors.numpy
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tqdm import tqdm

import nn
import optim
from autodiff import no_grad

NOISE = 0.1
"""Standard deviation of the noise on training images, with pixels in [0, 1]; it keeps the model from overfitting."""


class DataError(Exception):
    """A data file is missing, or is not what it should be."""


class Digits(NamedTuple):
    """Images as rows of pixels in [0, 1], and which digit each one shows."""

    images: np.ndarray
    labels: np.ndarray


class Epoch(NamedTuple):
    """How the model did in one pass over the training images."""

    loss: float
    accuracy: float
    test_accuracy: float


def bundled_digits(seed: int) -> tuple[Digits, Digits]:
    """scikit-learn's digits: four fifths for training, one fifth for the test, the ten classes in equal shares."""
    images, labels = load_digits(return_X_y=True)
    pixels = (images / 16).astype(np.float32)
    train, test, train_labels, test_labels = train_test_split(
        pixels, labels, test_size=0.2, stratify=labels, random_state=seed
    )
    return Digits(train, train_labels), Digits(test, test_labels)


def mnist(folder: Path) -> tuple[Digits, Digits]:
    """MNIST's training and test digits from its four IDX files.

    Raises:
        DataError: a file is missing, damaged, or does not belong to the others.
    """
    train, test = (_mnist_part(folder, part) for part in ("train", "t10k"))
    if train.images.shape[1] != test.images.shape[1]:
        raise DataError(
            f"{folder}: the training images have {train.images.shape[1]} pixels, the test images "
            f"{test.images.shape[1]}; expected files of one data set"
        )
    return train, test


def _mnist_part(folder: Path, part: str) -> Digits:
    images_path, labels_path = find_idx(folder, f"{part}-images", 3), find_idx(folder, f"{part}-labels", 1)
    images, labels = read_idx(images_path, ndim=3), read_idx(labels_path, ndim=1)
    if len(images) != len(labels):
        raise DataError(f"{labels_path}: {len(labels)} labels, expected {len(images)}, one per image in {images_path}")
    if not images.size:
        raise DataError(f"{images_path}: expected at least one image, found shape {images.shape}")
    if labels.max() > 9:
        raise DataError(f"{labels_path}: expected digits from 0 to 9, found {labels.max()}")
    return Digits(images.reshape(len(images), -1).astype(np.float32) / 255, labels.astype(np.int64))


def find_idx(folder: Path, stem: str, ndim: int) -> Path:
    """The file ``stem-idx3-ubyte`` (for ``ndim`` 3) in ``folder``, perhaps gzipped, perhaps with a dot before "idx"."""
    names = [f"{stem}{mark}idx{ndim}-ubyte{suffix}" for suffix in ("", ".gz") for mark in "-."]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"{folder / names[0]}: no such file; expected it under this name or as {', '.join(names[1:])}")


def read_idx(path: Path, ndim: int) -> np.ndarray:
    """The bytes in an IDX file, gzipped or not, as an array with ``ndim`` axes.

    The format: two zero bytes, a type code (8 for unsigned bytes), the number of axes; the length of each axis as a
    big-endian integer of four bytes; then the entries.

    Raises:
        DataError: the file is something else, truncated, or goes on after its last entry.
    """
    try:
        content = path.read_bytes()
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read, expected an IDX file, gzipped or not ({error})") from error
    magic, start = bytes([0, 0, 8, ndim]), 4 + 4 * ndim
    if content[:4] != magic:
        raise DataError(
            f"{path}: starts with the bytes [{content[:4].hex(' ')}], expected [{magic.hex(' ')}], an IDX file of "
            f"unsigned bytes with {ndim} axes"
        )
    if len(content) < start:
        raise DataError(f"{path}: truncated in its header: {len(content)} bytes, expected at least {start}")
    shape = tuple(int.from_bytes(content[i : i + 4], "big") for i in range(4, start, 4))
    expected = int(np.prod(shape, dtype=object))  # exact, whatever a damaged header says
    if len(content) - start != expected:
        what = "truncated" if len(content) - start < expected else "bytes after the last entry"
        raise DataError(
            f"{path}: {what}: {len(content) - start} bytes of entries, expected {expected} for its shape {shape}"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def perceptron(pixels: int, hidden: Sequence[int]) -> nn.Sequential:
    """Linear layers of the ``hidden`` sizes with ReLU after each, then one that gives ten logits."""
    layers: list[nn.Module] = []
    for inputs, outputs in zip((pixels, *hidden), hidden, strict=False):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear((pixels, *hidden)[-1], 10))


def accuracy(model: nn.Module, digits: Digits) -> float:
    """The share of digits that the model recognises."""
    with no_grad():
        return float(np.mean(np.argmax(model(digits.images), axis=1) == digits.labels))


def train(
    training: Digits, test: Digits, *, epochs: int, batch_size: int, lr: float, hidden: Sequence[int], seed: int
) -> tuple[nn.Sequential, list[Epoch]]:
    """A trained model and how it came about. The test digits are looked at after each epoch, but decide nothing."""
    nn.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = perceptron(training.images.shape[1], hidden)
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=lr)
    count = len(training.labels)
    starts = range(0, count, batch_size)
    scheduler = optim.LinearLR(optimizer, 1.0, 0.0, total_iters=epochs * len(starts))
    history: list[Epoch] = []
    with tqdm(total=scheduler.total_iters, unit=" batches") as progress:
        for epoch in range(epochs):
            progress.set_description(f"epoch {epoch + 1}/{epochs}")
            order = rng.permutation(count)
            total_loss, right = 0.0, 0
            for start in starts:
                batch = order[start : start + batch_size]
                images, labels = training.images[batch], training.labels[batch]
                images = images + NOISE * rng.standard_normal(images.shape, dtype=np.float32)
                logits = model(images)
                loss = criterion(logits, labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                scheduler.step()
                total_loss += loss.item() * len(batch)
                right += int(np.sum(np.argmax(logits, axis=1) == labels))
                progress.update()
            history.append(Epoch(total_loss / count, right / count, accuracy(model, test)))
            progress.set_postfix(
                loss=f"{history[-1].loss:.4f}",
                accuracy=f"{history[-1].accuracy:.2%}",
                test=f"{history[-1].test_accuracy:.2%}",
            )
    return model, history


def plot(history: Sequence[Epoch], path: Path) -> None:
    """The learning curve: loss and accuracies over the epochs."""
    epochs = np.arange(1, len(history) + 1)
    figure = Figure(figsize=(9, 4), layout="constrained")
    loss, accuracies = figure.subplots(1, 2)
    loss.plot(epochs, [epoch.loss for epoch in history], marker=".")
    loss.set(xlabel="epoch", ylabel="training loss (cross-entropy)", yscale="log")
    accuracies.plot(epochs, [100 * epoch.accuracy for epoch in history], marker=".", label="training, with noise")
    accuracies.plot(epochs, [100 * epoch.test_accuracy for epoch in history], marker=".", label="test")
    accuracies.set(xlabel="epoch", ylabel="accuracy (%)")
    accuracies.legend()
    figure.savefig(path)


def save(model: nn.Module, path: Path) -> None:
    """Write the parameters to a temporary file, then rename it, so that an interrupt leaves the old file whole."""
    arrays = {name: np.ascontiguousarray(array) for name, array in model.state_dict().items()}
    temporary = path.with_name(f"{path.name}.tmp")
    with temporary.open("wb") as file:
        file.write(safetensors.numpy.save(arrays))
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def number(kind: type, least: float, most: float = float("inf")) -> Callable[[str], float]:
    """An argument parser's type for numbers of a kind within bounds."""

    def parse(text: str) -> float:
        value = kind(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"expected a number from {least} to {most}, not {text}")
        return value

    return parse


def main(arguments: Sequence[str] | None = None) -> None:
    """Train as the command line says."""
    parser = argparse.ArgumentParser(description="Train a classifier on handwritten digits.")
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help="MNIST's four IDX files; else scikit-learn's digits"
    )
    parser.add_argument("--output", type=Path, metavar="FOLDER", default=Path("digits-output"), help="what to write to")
    parser.add_argument("--epochs", type=number(int, 1), help="default: 30, or 10 on MNIST")
    parser.add_argument("--batch-size", type=number(int, 1), help="default: 32, or 100 on MNIST")
    parser.add_argument("--lr", type=number(float, 0, 1), default=2e-3, help="the first learning rate; default: 0.002")
    parser.add_argument("--hidden", type=number(int, 1), nargs="*", default=[256, 128], help="default: 256 128")
    parser.add_argument("--seed", type=number(int, 0, 2**32 - 1), default=0, help="of everything random; default: 0")
    options = parser.parse_args(arguments)
    try:
        training, test = mnist(options.data) if options.data else bundled_digits(options.seed)
        options.output.mkdir(parents=True, exist_ok=True)
    except (DataError, OSError) as error:
        parser.error(str(error))
    model, history = train(
        training,
        test,
        epochs=options.epochs or (10 if options.data else 30),
        batch_size=options.batch_size or (100 if options.data else 32),
        lr=options.lr,
        hidden=options.hidden,
        seed=options.seed,
    )
    plot(history, options.output / "learning_curve.png")
    save(model, options.output / "model.safetensors")
    print(f"test accuracy: {history[-1].test_accuracy:.2%} of {len(test.labels)} digits")
    print(f"learning curve and parameters are in {options.output}")


if __name__ == "__main__":
    main()
