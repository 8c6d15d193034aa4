"""Recognise what is in a small picture, by a multi-layer perceptron.

    python examples/coursework/train_fashion_mnist.py                 # scikit-learn's digits of 8x8 pixels: seconds
    python examples/coursework/train_fashion_mnist.py --data FOLDER   # Fashion-MNIST, or MNIST, from its four IDX files

A tenth of the training pictures is held out for validation. The program shows its progress, and prints a table of the
epochs and the accuracy on the test pictures. In ``experiments/fashion_mnist`` it leaves the curves of loss and error
(``curves.png``, ``history.csv``), the parameters (``parameters.npz``), all settings, and after each epoch a checkpoint:
interrupted, it goes on with ``--resume`` and ends with the same bits. The same seed gives the same numbers.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import runs
from datasets import Examples

import nn


def perceptron(training: Examples, chosen: argparse.Namespace) -> nn.Sequential:
    """Linear layers of the hidden sizes with ReLU and dropout after each, then one that gives ten logits."""
    sizes = [training.inputs[0].size, *chosen.hidden]
    layers: list[nn.Module] = [runs.Standardize(training.inputs), nn.Flatten()]
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU(), nn.Dropout(chosen.dropout)]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], 10))


def main(arguments: Sequence[str] | None = None) -> None:
    """Train as the command line says."""
    parser = runs.options(
        "Train a multi-layer perceptron on pictures.",
        name="fashion_mnist",
        epochs=10,
        batch_size=64,
        data="the four IDX files of Fashion-MNIST, or of MNIST; else scikit-learn's digits",
    )
    parser.add_argument("--hidden", type=runs.number(int, 1), nargs="*", default=[256, 128], help="hidden sizes")
    parser.add_argument("--dropout", type=runs.number(float, 0, 1), default=0.2, help="probability of being left out")
    runs.train_classifier(parser, arguments, perceptron)


if __name__ == "__main__":
    main()
