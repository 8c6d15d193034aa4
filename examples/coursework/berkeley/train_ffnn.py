"""Train a feed-forward network on the irises, with the exercise's own classes.

    python examples/coursework/berkeley/train_ffnn.py
    python examples/coursework/berkeley/train_ffnn.py --name wide --hidden 40 20 --scheduler exponential

Prints the losses and errors, that of the test at the end, and leaves settings, losses, their plot and the parameters
in ``experiments/<name>/``, which must not exist yet. The same seed gives the same numbers.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from neural_networks.activations import ACTIVATIONS
from neural_networks.datasets import initialize_dataset
from neural_networks.logs import Logger
from neural_networks.models import NeuralNetwork
from neural_networks.schedulers import SCHEDULERS
from neural_networks.weights import INITIALIZERS


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
    parser = argparse.ArgumentParser(
        description="Train a feed-forward network on the irises.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--name", default="feed_forward", help="of this run: its folder in that of the experiments")
    add("--hidden", type=number(int, 1), nargs="+", default=[10], help="sizes of the hidden layers")
    add("--activation", default="relu", choices=list(ACTIVATIONS), help="of the hidden layers")
    add("--weight-init", default="xavier_uniform", choices=list(INITIALIZERS), help="initial weights")
    add("--lr", type=number(float, 0), default=0.05, help="learning rate of the first epoch")
    add("--scheduler", default="constant", choices=list(SCHEDULERS), help="of the learning rate")
    add("--decay", type=number(float, 0, 1), default=0.97, help="of an exponential scheduler, per epoch")
    add("--momentum", type=number(float, 0, 1), default=0.9, help="how much of a step is repeated in the next")
    add("--epochs", type=number(int, 1), default=50, help="passes over the training part")
    add("--batch-size", type=number(int, 1), default=25, help="examples in each step")
    add("--seed", type=number(int, 0, 2**32 - 1), default=0, help="of everything random")
    add("--experiments", type=Path, default=Path("experiments"), help="the folder of all runs")
    add("--overwrite", action="store_true", help="replace an earlier run of this name")
    options = parser.parse_args(arguments)
    try:
        logger = Logger(
            options.name,
            {name: value for name, value in vars(options).items() if name not in ("name", "experiments", "overwrite")},
            options.experiments,
            options.overwrite,
        )
    except OSError as error:
        parser.error(str(error))
    dataset = initialize_dataset("iris", options.batch_size, options.seed)
    layer = {"name": "fully_connected", "weight_init": options.weight_init}
    hidden = [{**layer, "n_out": size, "activation": options.activation} for size in options.hidden]
    schedule = {"decay": options.decay} if options.scheduler == "exponential" else {}
    model = NeuralNetwork(
        loss="cross_entropy",
        layer_args=[*hidden, {**layer, "n_out": dataset.out_dim, "activation": "softmax"}],
        optimizer_args={
            "name": "SGD",
            "lr": options.lr,
            "lr_scheduler": options.scheduler,
            "momentum": options.momentum,
            **schedule,
        },
        logger=logger,
        seed=options.seed,
    )
    model.train(dataset, options.epochs)
    for part in ("train", "validate", "test"):
        data = getattr(dataset, part)
        loss, wrong = model.test(data)
        print(f"{part:>8}: loss {loss:.4f}, error {wrong:.2%} of {len(data.X)}")
    print(f"settings, losses and parameters are in {logger.folder}")


if __name__ == "__main__":
    main()
