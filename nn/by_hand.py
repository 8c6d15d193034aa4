"""A layer as in an exercise of back-propagation by hand: forward, then backward, on plain arrays without a tape."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from autodiff import Tensor

from .derived import Application, Derived, set_mode
from .module import Module


def by_hand(layer: Module) -> ByHand:
    """The layer (or a Sequential, or any module that chains derived functions) run by its hand-derived gradients.

    >>> import numpy as np
    >>> from nn import Linear, ReLU, Sequential
    >>> hand = by_hand(Sequential(Linear(3, 2, dtype=float), ReLU()))
    >>> y = hand.forward(np.ones((4, 3)))
    >>> hand.backward(np.ones((4, 2))).shape
    (4, 3)
    >>> sorted(hand.gradients)
    ['0.bias', '0.weight']
    """
    return ByHand(layer)


class ByHand:
    """Runs a layer forward and backward on plain arrays; see ``by_hand``.

    ``gradients`` holds, after ``backward``, the gradient of each parameter that requires one, by its name in the layer.
    """

    def __init__(self, layer: Module) -> None:
        self.layer = layer
        self.gradients: dict[str, np.ndarray] = {}
        self._inputs: tuple[np.ndarray, ...] = ()
        self._chain: list[Application] = []
        self._names: dict[int, str] = {}  # of the parameters, by the identity of the arrays that went forward

    def forward(self, *inputs: ArrayLike) -> np.ndarray:
        """The layer's output for plain arrays: ``forward(x)``, or ``forward(prediction, target)`` for a loss.

        Raises:
            TypeError: the layer does more than to hand its first input from one derived function to the next.
        """
        self._chain, self._inputs = [], tuple(map(np.asarray, inputs))
        chain: list[Application] = []

        def plain(value: Any) -> Any:
            if isinstance(value, Tensor) and not value.is_leaf:
                self._refuse(
                    f"a tensor {value.shape} was computed outside derived functions, so its gradient would be lost"
                )
            return value.data if isinstance(value, Tensor) else value

        def apply(function: Derived, args: tuple, kwargs: dict) -> np.ndarray:
            named = {name: plain(value) for name, value in kwargs.items()}
            chain.append(Application.of(function, tuple(map(plain, args)), named))
            return chain[-1].out

        with set_mode(apply):
            out = self.layer(*self._inputs)
        previous = self._inputs[0]
        earlier: list[np.ndarray] = []
        for step in chain:
            if not any(value is previous for value in step.arguments.values()):
                self._refuse(f"{step.function.__name__} was not given the result of what came before it")
            if any(value is old for value in step.arguments.values() for old in earlier):
                self._refuse(f"{step.function.__name__} was given a value a second time, past what came in between")
            if step.out is not previous:
                earlier.append(previous)
            previous = step.out
        if out is not previous:
            self._refuse("its result is not that of its last derived function")
        self._chain = chain
        self._names = {id(p.data): name for name, p in self.layer.named_parameters() if p.requires_grad}
        return out

    def backward(self, dy: ArrayLike | None = None) -> np.ndarray:
        """The gradient of the (first) input, for that of the output; the parameters' go into ``gradients``.

        ``dy`` may be left out where the output is a single number, as a loss is.

        Raises:
            RuntimeError: nothing went forward yet.
            ValueError: ``dy`` has not the shape of the output.
        """
        if not self._chain:
            raise RuntimeError(f"backward before forward: call forward(x) on {self.layer!r} first")
        out = self._chain[-1].out
        if dy is None and out.ndim == 0:
            dy = np.ones_like(out)
        if dy is None or np.shape(dy) != out.shape:
            given = "nothing" if dy is None else f"an array of shape {np.shape(dy)}"
            raise ValueError(f"backward takes the gradient of the output, of shape {out.shape}, but was given {given}")
        g = np.asarray(dy, dtype=out.dtype)
        gradients: dict[str, np.ndarray] = {}
        sources = [self._inputs[0], *(step.out for step in self._chain[:-1])]
        with np.errstate(all="ignore"):
            for step, source in zip(reversed(self._chain), reversed(sources), strict=True):
                inputs = [name for name, value in step.arguments.items() if value is source]
                parameters = {
                    argument: self._names[id(value)]
                    for argument, value in step.arguments.items()
                    if id(value) in self._names
                }
                found = step.gradients(g, [*inputs, *parameters])
                for argument, name in parameters.items():
                    gradients[name] = gradients[name] + found[argument] if name in gradients else found[argument]
                g = sum((found[name] for name in inputs[1:]), start=found[inputs[0]])
        self.gradients = gradients
        return g

    def _refuse(self, why: str) -> Any:
        raise TypeError(
            f"{type(self.layer).__name__} cannot be run by hand: {why}. It must hand its input from one derived "
            "function to the next; use the tape for anything else"
        )
