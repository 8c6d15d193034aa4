"""A layer as in an exercise of back-propagation by hand: forward, then backward, on plain arrays without a tape."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from autodiff import Tensor

from .derived import Application, Derived, set_mode
from .module import Module


def by_hand(layer: Module | Callable) -> ByHand:
    """The layer (or a Sequential, or any module that chains derived functions) run by its hand-derived gradients.

    Functions of ``nn.functional`` are run as well.

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

    After ``backward``, ``gradients`` holds the gradient of each parameter that requires one, by its name in the layer,
    and ``input_gradients`` that of each input of ``forward``, with None for those that have none (class indices).
    """

    def __init__(self, layer: Module | Callable) -> None:
        if not (isinstance(layer, (Module, Derived)) or inspect.isfunction(layer)):
            raise TypeError(f"by_hand runs a module, or a function of nn.functional, not {layer!r}")
        self.layer = layer
        self.gradients: dict[str, np.ndarray] = {}
        self.input_gradients: tuple[np.ndarray | None, ...] = ()
        self._inputs: tuple[np.ndarray | None, ...] = ()
        self._chain: list[Application] = []
        self._parameters: dict[str, np.ndarray] = {}  # the arrays that went forward, known again by identity

    def forward(self, *inputs: ArrayLike | None, **options: Any) -> np.ndarray:
        """The layer's output for plain arrays: ``forward(x)``, or ``forward(prediction, target)`` for a loss.

        Options of a function, such as ``reduction="sum"``, are passed on.

        Raises:
            TypeError: the layer does more than to hand its first input from one derived function to the next.
        """
        self._chain, self._inputs = [], ()
        chain: list[Application] = []
        # views, to be told apart by identity
        arrays = tuple(None if value is None else np.asarray(value).view() for value in inputs)

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
            out = self.layer(*arrays, **options)
        previous = arrays[0]
        earlier: list[Any] = []
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
        self._chain, self._inputs = chain, arrays
        own = self.layer.named_parameters() if isinstance(self.layer, Module) else ()
        self._parameters = {name: p.data for name, p in own if p.requires_grad}
        return out

    def backward(self, dy: ArrayLike | None = None) -> np.ndarray | None:
        """The gradient of the (first) input, for that of the output; see ``gradients`` for those of the parameters.

        ``dy`` may be left out where the output is a single number, as a loss is. An input without a gradient, such as
        the indices that an embedding takes, gives None.

        Raises:
            RuntimeError: nothing went forward yet.
            ValueError: ``dy`` has not the shape of the output.
        """
        if not self._inputs:
            raise RuntimeError(f"backward before forward: call forward(x) on {self.layer!r} first")
        outs: list[Any] = [self._inputs[0], *(step.out for step in self._chain)]
        out = outs.pop()
        if dy is None and out.ndim == 0:
            dy = np.ones_like(out)
        if dy is None or np.shape(dy) != out.shape:
            given = "nothing" if dy is None else f"an array of shape {np.shape(dy)}"
            raise ValueError(f"backward takes the gradient of the output, of shape {out.shape}, but was given {given}")
        known: dict[int, str | int] = {id(array): name for name, array in self._parameters.items()}
        known |= {id(array): i for i, array in enumerate(self._inputs) if array is not None}
        found: dict[str | int, np.ndarray] = {0: np.array(dy, dtype=out.dtype, copy=None if self._chain else True)}
        with np.errstate(all="ignore"):
            for step, source in zip(reversed(self._chain), reversed(outs), strict=True):
                if 0 not in found:
                    break  # integers went into the step after this one: there is no gradient to hand on
                names = {**known, id(source): 0}  # 0 is what goes down the chain: at last the first input
                wanted = {
                    argument: names[id(value)]
                    for argument, value in step.arguments.items()
                    if id(value) in names and argument in step.function.rules and value.dtype.kind in "fc"
                }
                for argument, gradient in step.gradients(found.pop(0), wanted).items():
                    name = wanted[argument]
                    found[name] = found[name] + gradient if name in found else gradient
        self.gradients = {name: found[name] for name in self._parameters if name in found}
        self.input_gradients = tuple(found.get(i) for i in range(len(self._inputs)))
        return self.input_gradients[0]

    def _refuse(self, why: str) -> Any:
        name = getattr(self.layer, "__name__", type(self.layer).__name__)
        raise TypeError(
            f"{name} cannot be run by hand: {why}. It must hand its input from one derived function to the next; use "
            "the tape for anything else"
        )
