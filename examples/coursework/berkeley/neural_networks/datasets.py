"""Data sets in three parts, normalised, which give one batch after the other."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split

from .tables import look_up


@dataclass
class Data:
    """Inputs X and labels Y, one-hot, which ``sample`` gives in batches, in a new order in each epoch."""

    X: np.ndarray
    Y: np.ndarray
    batch_size: int
    rng: np.random.Generator

    def __post_init__(self) -> None:
        if len(self.X) != len(self.Y) or not len(self.X):
            raise ValueError(f"there are {len(self.X)} inputs and {len(self.Y)} labels; expected as many, at least one")
        self._order = np.arange(len(self.X))
        self._start = 0

    @property
    def samples_per_epoch(self) -> int:
        """How many batches there are; the last one may be smaller."""
        return math.ceil(len(self.X) / self.batch_size)

    def sample(self) -> tuple[np.ndarray, np.ndarray]:
        """The next batch."""
        if self._start == 0:
            self._order = self.rng.permutation(len(self.X))
        batch = self._order[self._start : self._start + self.batch_size]
        self._start = self._start + self.batch_size if self._start + self.batch_size < len(self.X) else 0
        return self.X[batch], self.Y[batch]


class Dataset:
    """Examples in three parts: to learn from, to choose hyper-parameters by, and for the test at the end.

    Every feature is normalised to mean 0 and standard deviation 1 in ``train``: what the other parts are like nobody
    knows beforehand. (One that is the same in all of ``train`` is only moved to 0.)

    Args:
        X: inputs along the first axis.
        labels: the class 0, 1, ... of each.
        batch_size: how many inputs ``sample`` gives.
        share: that of each class in ``validate``, and in ``test``.
        seed: of the division into parts, and of the order of batches.
    """

    def __init__(
        self, X: np.ndarray, labels: np.ndarray, batch_size: int = 25, *, share: float = 0.2, seed: int = 0
    ) -> None:
        rest, test = train_test_split(np.arange(len(X)), test_size=share, stratify=labels, random_state=seed)
        train, validate = train_test_split(
            rest, test_size=share / (1 - share), stratify=labels[rest], random_state=seed
        )
        mean, deviation = X[train].mean(axis=0), X[train].std(axis=0)
        normalised = (X - mean) / np.where(deviation == 0, 1, deviation)
        one_hot = np.eye(int(np.max(labels)) + 1)[labels]
        rng = np.random.default_rng(seed)
        self.train, self.validate, self.test = (
            Data(normalised[part], one_hot[part], batch_size, rng) for part in (train, validate, test)
        )

    @property
    def out_dim(self) -> int:
        """How many classes there are."""
        return self.train.Y.shape[1]


class Iris(Dataset):
    """Fisher's 150 irises of three species, four lengths of each, as scikit-learn carries them."""

    def __init__(self, batch_size: int = 25, seed: int = 0) -> None:
        X, labels = load_iris(return_X_y=True)
        super().__init__(X, labels, batch_size, seed=seed)


DATASETS: dict[str, type[Iris]] = {"iris": Iris}


def initialize_dataset(name: str, batch_size: int = 25, seed: int = 0) -> Dataset:
    """The data set of this name.

    Raises:
        ValueError: there is none.
    """
    return look_up("dataset", DATASETS, name)(batch_size, seed)
