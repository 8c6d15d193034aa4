"""Networks: layers in a chain, trained by a loss and an optimiser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from .datasets import Data, Dataset
from .layers import initialize_layer
from .logs import Logger
from .losses import initialize_loss
from .optimizers import initialize_optimizer


class NeuralNetwork:
    """Layers in a chain.

    Args:
        loss: by name.
        layer_args: for each layer the arguments of ``initialize_layer``.
        optimizer_args: those of ``initialize_optimizer``.
        logger: is told the losses and errors of each epoch.
        seed: of the initial weights; without one they are drawn from the generator of ``nn.manual_seed``.
    """

    def __init__(
        self,
        loss: str,
        layer_args: Sequence[Mapping[str, Any]],
        optimizer_args: Mapping[str, Any],
        logger: Logger | None = None,
        seed: int | None = None,
    ) -> None:
        rng = None if seed is None else np.random.default_rng(seed)
        self.layers = [initialize_layer(**arguments, rng=rng) for arguments in layer_args]
        self.loss = initialize_loss(loss)
        self.optimizer = initialize_optimizer(**optimizer_args)
        self.logger = logger

    def forward(self, X: np.ndarray) -> np.ndarray:
        """The predictions for a batch."""
        for layer in self.layers:
            X = layer.forward(X)
        return X

    def backward(self, target: np.ndarray, out: np.ndarray) -> float:
        """The loss of the predictions ``out``; its gradients go into those of the layers."""
        dLdY = self.loss.backward(target, out)
        for layer in reversed(self.layers):
            dLdY = layer.backward(dLdY)
        return self.loss.forward(target, out)

    def update(self, epoch: int) -> None:
        """A step of the optimiser in every layer, which then forgets its gradients."""
        for i, layer in enumerate(self.layers):
            for name, value in layer.parameters.items():
                layer.parameters[name] = value - self.optimizer.update(
                    f"{i}.{name}", value, layer.gradients[name], epoch
                )
            layer.clear_gradients()

    def predict(self, X: np.ndarray, Y: np.ndarray) -> tuple[np.ndarray, float]:
        """The predictions for a batch, and their loss; a forward and a backward, so that the layers have gradients."""
        out = self.forward(X)
        return out, self.backward(Y, out)

    def error(self, target: np.ndarray, out: np.ndarray) -> float:
        """The share of rows whose most probable class is not that of the label."""
        return float(np.mean(np.argmax(out, axis=1) != np.argmax(target, axis=1)))

    def train(self, dataset: Dataset, epochs: int) -> None:
        """Learn from ``dataset.train``, and look at ``dataset.validate`` after each epoch."""
        with tqdm(range(epochs), unit=" epochs") as progress:
            for epoch in progress:
                figures = np.zeros(2)
                for _ in range(dataset.train.samples_per_epoch):
                    X, Y = dataset.train.sample()
                    out, loss = self.predict(X, Y)
                    figures += len(X) * np.array([loss, self.error(Y, out)])
                    self.update(epoch)
                loss, error = (figures / len(dataset.train.X)).tolist()
                validation_loss, validation_error = self.test(dataset.validate)
                progress.set_postfix(refresh=False, loss=f"{loss:.4f}", validation_loss=f"{validation_loss:.4f}")
                if self.logger is not None:
                    self.logger.push(
                        training_loss=loss,
                        training_error=error,
                        validation_loss=validation_loss,
                        validation_error=validation_error,
                    )
        if self.logger is not None:
            self.logger.save(self.layers)

    def test(self, data: Data) -> tuple[float, float]:
        """The loss and the error on all of a part of a data set."""
        out = self.forward(data.X)
        return float(self.loss.forward(data.Y, out)), self.error(data.Y, out)
