"""Data sets from the files they are published in, and two that scikit-learn carries.

Whatever is wrong with a file is a ``DataError``, which names the file and says what was expected in it.
"""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits, load_iris

sys.path.append(str(Path(__file__).parents[1]))
digits = importlib.import_module("digits")  # the example one folder up, which describes IDX files and reads them
DataError, find_idx, read_idx = digits.DataError, digits.find_idx, digits.read_idx

DIGITS = tuple("0123456789")
SPECIES = ("Iris-setosa", "Iris-versicolor", "Iris-virginica")
CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CIFAR10_SHAPE = (3, 32, 32)


@dataclass(frozen=True)
class Examples:
    """Inputs along the first axis, and for each one the class 0, 1, ... that it belongs to."""

    inputs: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: slice | np.ndarray) -> Examples:
        """Some of the examples."""
        return Examples(self.inputs[rows], self.labels[rows])

    def split(self, share: float, rng: np.random.Generator) -> tuple[Examples, Examples]:
        """All but a ``share`` of each class, and that share; both in the order they had.

        Raises:
            DataError: there is a class with fewer than two examples, so that one of both would be without it.
        """
        held_out = np.zeros(len(self), bool)
        for label in np.unique(self.labels):
            rows = rng.permutation(np.flatnonzero(self.labels == label))
            if len(rows) < 2:
                raise DataError(f"there is a single example of class {label}; expected at least two, to hold one out")
            held_out[rows[: min(max(1, round(share * len(rows))), len(rows) - 1)]] = True
        return self.take(~held_out), self.take(held_out)


@dataclass(frozen=True)
class Dataset:
    """Examples to learn from, and others to be tested on at the very end."""

    training: Examples
    test: Examples
    classes: tuple[str, ...]
    mirrored: bool = False
    """Whether the mirror image of an example is of the same class (as that of a car is, but not that of a 2)."""


def images(folder: Path | None, seed: int) -> Dataset:
    """The images of shape (N, channels, height, width), bytes from 0 to 255, whose files are in ``folder``.

    They are those of CIFAR-10, or of MNIST or another data set in its format, such as Fashion-MNIST; without a folder
    the 1797 digits of 8x8 pixels that scikit-learn carries, a fifth of them for the test.

    Raises:
        DataError: no such files, or something is wrong with one.
    """
    if folder is None:
        pixels, labels = load_digits(return_X_y=True)
        every = Examples(np.round(pixels * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8), labels)
        return Dataset(*every.split(0.2, np.random.default_rng(seed)), DIGITS)
    if any(folder.glob("*_batch*.bin")):
        return cifar10(folder)
    if any(folder.glob("*idx*-ubyte*")):
        return idx(folder)
    raise DataError(
        f"{folder}: no data in this folder; expected the four IDX files of MNIST or Fashion-MNIST "
        "(train-images-idx3-ubyte, perhaps with .gz, ...), or CIFAR-10's six binary batches (data_batch_1.bin, ...)"
    )


def idx(folder: Path) -> Dataset:
    """MNIST, Fashion-MNIST or another data set of ten classes, from its four IDX files, gzipped or not.

    Raises:
        DataError: a file is missing, damaged, or does not belong to the others.
    """
    training, test = (_idx_part(folder, part) for part in ("train", "t10k"))
    if training.inputs.shape[1:] != test.inputs.shape[1:]:
        raise DataError(
            f"{folder}: the training images have shape {training.inputs.shape[2:]}, the test images "
            f"{test.inputs.shape[2:]}; expected files of one data set"
        )
    return Dataset(training, test, DIGITS)


def _idx_part(folder: Path, part: str) -> Examples:
    images_path, labels_path = find_idx(folder, f"{part}-images", 3), find_idx(folder, f"{part}-labels", 1)
    pixels, labels = read_idx(images_path, ndim=3), read_idx(labels_path, ndim=1)
    if len(pixels) != len(labels):
        raise DataError(f"{labels_path}: {len(labels)} labels, expected {len(pixels)}, one per image in {images_path}")
    if not pixels.size:
        raise DataError(f"{images_path}: expected at least one image, found shape {pixels.shape}")
    _check_labels(labels_path, labels)
    return Examples(pixels[:, None], labels.astype(np.int64))


def cifar10(folder: Path) -> Dataset:
    """CIFAR-10 from its binary batches: for each image a byte for the class, then red, green and blue, row by row.

    Raises:
        DataError: a file is missing, is no such file, or is not of the same length as the others (10 000 images).
    """
    paths = [folder / f"data_batch_{i}.bin" for i in range(1, 6)] + [folder / "test_batch.bin"]
    *batches, test = (_cifar10_batch(path) for path in paths)
    for path, batch in zip(paths, [*batches, test]):
        if len(batch) != len(batches[0]):
            raise DataError(
                f"{path}: {len(batch)} images, but {len(batches[0])} in {paths[0].name}; expected as many in each batch"
            )
    inputs, labels = ([getattr(batch, part) for batch in batches] for part in ("inputs", "labels"))
    training = Examples(np.concatenate(inputs), np.concatenate(labels))
    return Dataset(training, test, CIFAR10_CLASSES, mirrored=True)


def _cifar10_batch(path: Path) -> Examples:
    size = 1 + int(np.prod(CIFAR10_SHAPE))
    try:
        content = np.frombuffer(path.read_bytes(), np.uint8)
    except FileNotFoundError as error:
        raise DataError(
            f"{path}: no such file; expected data_batch_1.bin to data_batch_5.bin, test_batch.bin"
        ) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read, expected a binary batch of CIFAR-10 ({error})") from error
    if not content.size or content.size % size:
        raise DataError(
            f"{path}: {content.size} bytes, expected {size} for each image of at least one; it is truncated, or no "
            "binary batch of CIFAR-10"
        )
    records = content.reshape(-1, size)
    _check_labels(path, records[:, 0])
    return Examples(records[:, 1:].reshape(-1, *CIFAR10_SHAPE), records[:, 0].astype(np.int64))


def _check_labels(path: Path, labels: np.ndarray) -> None:
    if labels.max() > 9:
        where = int(np.argmax(labels > 9))
        raise DataError(f"{path}: expected classes from 0 to 9, found {labels[where]} at image {where}")


def iris(folder: Path | None, seed: int) -> Dataset:
    """Fisher's irises, their four lengths in cm: from ``iris.data`` in the folder, or as scikit-learn carries them.

    A fifth of each species is for the test.

    Raises:
        DataError: the file is missing, or a line of it is not four numbers and a species.
    """
    if folder is None:
        every = Examples(*load_iris(return_X_y=True))
    else:
        every = _iris_file(folder / "iris.data")
    return Dataset(*every.split(0.2, np.random.default_rng(seed)), SPECIES)


def _iris_file(path: Path) -> Examples:
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: cannot be read, expected lines such as 5.1,3.5,1.4,0.2,Iris-setosa ({error})"
        ) from error
    lengths, labels = [], []
    for i, line in enumerate(lines, start=1):
        if not line.strip():  # as the last line of the published file
            continue
        *numbers, species = line.strip().split(",")
        try:
            row = [float(number) for number in numbers]
        except ValueError:
            row = []
        if len(row) != 4 or not np.isfinite(row).all() or species not in SPECIES:
            raise DataError(f"{path}: line {i} is {line!r}; expected four numbers and one of {', '.join(SPECIES)}")
        lengths.append(row)
        labels.append(SPECIES.index(species))
    if len(set(labels)) < len(SPECIES):
        raise DataError(
            f"{path}: {len(set(labels))} species in {len(labels)} lines, expected all of {', '.join(SPECIES)}"
        )
    return Examples(np.array(lengths), np.array(labels))
