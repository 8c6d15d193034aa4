"""What is left of a run: a folder with its settings, its losses, their plot, and the parameters it learned."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from .layers import Layer


class Logger:
    """Writes a run to ``experiments/<model_name>/``, which must be new unless ``overwrite`` says otherwise.

    ``hyperparameters.json`` is there from the start; ``save`` adds ``history.csv``, ``losses.png`` and
    ``parameters.npz``, with the arrays ``0.W``, ``0.b``, ... by layer and name.

    Args:
        model_name: that of the run.
        hyperparameters: what can be written as JSON.
        save_dir: the folder of all runs.
        overwrite: whether an earlier run of this name may be replaced.

    Raises:
        FileExistsError: there is such a run.
    """

    def __init__(
        self,
        model_name: str,
        hyperparameters: Mapping[str, Any],
        save_dir: Path | str = "experiments",
        overwrite: bool = False,
    ) -> None:
        self.model_name = model_name
        self.folder = Path(save_dir) / model_name
        self.history: list[dict[str, float]] = []
        try:
            self.folder.mkdir(parents=True, exist_ok=overwrite)
        except FileExistsError:
            raise FileExistsError(
                f"{self.folder} holds an earlier run: choose another name, delete it, or ask to overwrite it"
            ) from None
        (self.folder / "hyperparameters.json").write_text(json.dumps(hyperparameters, indent=2) + "\n")

    def push(self, **figures: float) -> None:
        """Note the figures of an epoch, by name."""
        self.history.append(figures)

    def save(self, layers: Sequence[Layer]) -> None:
        """Write the history, its plot, and the parameters."""
        arrays = {f"{i}.{name}": value for i, layer in enumerate(layers) for name, value in layer.parameters.items()}
        np.savez(self.folder / "parameters.npz", **arrays)
        with (self.folder / "history.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, ["epoch", *(self.history[0] if self.history else ())], lineterminator="\n")
            writer.writeheader()
            writer.writerows({"epoch": i, **figures} for i, figures in enumerate(self.history, start=1))
        self.plot(self.folder / "losses.png")

    def plot(self, path: Path) -> None:
        """Draw the losses over the epochs."""
        figure = Figure(figsize=(6, 4), layout="constrained")
        axes = figure.subplots()
        for name in (name for name in (self.history[0] if self.history else ()) if name.endswith("loss")):
            epochs = range(1, len(self.history) + 1)
            axes.plot(epochs, [figures[name] for figures in self.history], label=name.replace("_", " "), marker=".")
        axes.set(xlabel="epoch", ylabel="loss", title=self.model_name)
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        axes.legend()
        figure.savefig(path)


def load_parameters(path: Path) -> list[dict[str, np.ndarray]]:
    """What ``Logger.save`` wrote as ``parameters.npz``: those of each layer that has any, by name, in order."""
    layers: dict[str, dict[str, np.ndarray]] = {}
    with np.load(path) as arrays:
        for key in arrays.files:
            layer, _, name = key.partition(".")
            layers.setdefault(layer, {})[name] = arrays[key]
    return list(layers.values())
