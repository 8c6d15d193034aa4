"""Recognise what is in a small picture, by a convolutional network made for training without a graphics card.

    python examples/coursework/train_cifar10.py                 # scikit-learn's digits of 8x8 pixels: seconds
    python examples/coursework/train_cifar10.py --data FOLDER   # CIFAR-10 from its six binary batches, or MNIST

Training pictures are shifted at random, those of CIFAR-10 also mirrored. A tenth of them is held out for validation.
The program shows its progress, and prints a table of the epochs and the accuracy on the test pictures. In
``experiments/cifar10`` it leaves ``predictions.csv`` (which class it takes each test picture for), the curves of loss
and error (``curves.png``, ``history.csv``), the parameters (``parameters.npz``), all settings, and after each epoch a
checkpoint: interrupted, it goes on with ``--resume`` and ends with the same bits. The same seed gives the same numbers.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
import runs
from datasets import DataError, Dataset, Examples

import nn


def block(inputs: int, outputs: int) -> list[nn.Module]:
    """A convolution that keeps height and width, batch norm (which has a bias, so the convolution has none), ReLU."""
    return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]


def convolutional(training: Examples, chosen: argparse.Namespace) -> nn.Sequential:
    """Four convolutions, of which only the cheapest sees the full height and width, and a linear layer.

    With width 32 that is 29 million multiplications for a picture of CIFAR-10.

    Raises:
        DataError: the pictures are too small.
    """
    _, channels, height, width = training.inputs.shape
    if min(height, width) < 8:
        raise DataError(f"the images have {height}x{width} pixels; expected at least 8x8, which are halved three times")
    n = chosen.width
    return nn.Sequential(
        runs.Standardize(training.inputs),
        *block(channels, n),
        nn.MaxPool2d(2),
        *block(n, 2 * n),
        *block(2 * n, 2 * n),
        nn.MaxPool2d(2),
        *block(2 * n, 4 * n),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(chosen.dropout),
        nn.Linear(4 * n * (height // 8) * (width // 8), 10),
    )


def augmentation(data: Dataset) -> runs.Augment:
    """Shifts by up to an eighth of height and width, and a mirror where the data set is ``mirrored``."""
    height, width = data.training.inputs.shape[2:]
    reach = (height // 8, width // 8)

    def augment(inputs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        padded = np.pad(inputs, ((0, 0), (0, 0), (reach[0],) * 2, (reach[1],) * 2))
        rows, columns = (
            rng.integers(2 * n + 1, size=(len(inputs), 1)) + np.arange(size) for n, size in zip(reach, (height, width))
        )
        if data.mirrored:
            mirror = rng.random(len(inputs)) < 0.5
            columns[mirror] = columns[mirror, ::-1]
        every, channels = np.ogrid[: len(inputs), : inputs.shape[1]]
        return padded[
            every[:, :, None, None], channels[:, :, None, None], rows[:, None, :, None], columns[:, None, None]
        ]

    return augment


def main(arguments: Sequence[str] | None = None) -> None:
    """Train as the command line says."""
    parser = runs.options(
        "Train a convolutional network on pictures.",
        name="cifar10",
        epochs=12,
        batch_size=100,
        data="the six binary batches of CIFAR-10, or the four IDX files of MNIST; else scikit-learn's digits",
    )
    parser.add_argument("--width", type=runs.number(int, 1), default=32, help="channels of the first convolution")
    parser.add_argument("--dropout", type=runs.number(float, 0, 1), default=0.3, help="probability of being left out")
    folder, data, logits = runs.train_classifier(parser, arguments, convolutional, augmentation)
    predicted = np.argmax(logits, axis=1)
    rows = [(i, label, data.classes[label]) for i, label in enumerate(predicted)]
    runs.write_csv(folder / "predictions.csv", ["id", "label", "class"], rows)
    right = predicted == data.test.labels
    shares = [(data.classes[i], float(np.mean(right[data.test.labels == i]))) for i in np.unique(data.test.labels)]
    print(runs.table(["class", "test accuracy"], shares))


if __name__ == "__main__":
    main()
