"""What the generic tests of ``nn`` run on: calls of every derived function, and an example of every layer.

The tables are in ``cases_*.py``, one for each source file, and ``tables.py`` has them all; here is what their rows
are made of.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from hypothesis.strategies import SearchStrategy

import nn


class Call(NamedTuple):
    """A call ``function(*args, **options)``; the floating-point arrays among ``args`` are differentiated."""

    function: Callable
    args: list
    options: dict[str, Any] = {}

    @property
    def differentiated(self) -> list[int]:
        """The places of the arguments that are differentiated."""
        return [i for i, a in enumerate(self.args) if isinstance(a, np.ndarray) and a.dtype.kind == "f"]

    def of(self, *values: Any) -> Any:
        """The result for other ``values`` of the arguments that are differentiated."""
        args = list(self.args)
        for place, value in zip(self.differentiated, values, strict=True):
            args[place] = value
        return self.function(*args, **self.options)

    def of_arguments(self) -> Any:
        """The result for the arguments as they are."""
        return self.function(*self.args, **self.options)

    @property
    def values(self) -> list[np.ndarray]:
        """The arguments that are differentiated."""
        return [self.args[i] for i in self.differentiated]


@dataclass(frozen=True)
class Pair:
    """A derived function: the calls that reach it, and what PyTorch calls the function that is called.

    ``peer`` is a name in ``torch.nn.functional`` (that of the called function if it is left out), None where PyTorch
    has no such function, or a function ``peer(torch, *args, **options)``.
    """

    calls: SearchStrategy[Call]
    peer: str | Callable | None = "the same"


@dataclass(frozen=True)
class Layer:
    """A layer as its constructor is written, the same in ``nn`` and in ``torch.nn``, with what it is given.

    Args:
        text: the constructor's call, without the module.
        inputs: shapes, for which normally distributed numbers are drawn, or arrays.
        peer: whether PyTorch has it.
        random: whether it draws random numbers when it is called, so that only it itself can tell them.
    """

    text: str
    inputs: tuple = field(default=())
    peer: bool = True
    random: bool = False

    def __init__(self, text: str, *inputs: Any, peer: bool = True, random: bool = False) -> None:
        for name, value in dict(text=text, inputs=inputs, peer=peer, random=random).items():
            object.__setattr__(self, name, value)

    def __str__(self) -> str:
        return self.text

    def build(self, dtype: type = np.float64) -> nn.Module:
        """The layer, with parameters of a dtype; the same one every time."""
        before = nn.get_default_dtype(), nn.get_rng_state()
        nn.set_default_dtype(dtype)
        nn.manual_seed(0)
        try:
            return eval(self.text, {**vars(nn), "np": np})
        finally:
            nn.set_default_dtype(before[0])
            nn.set_rng_state(before[1])

    def draw(self, dtype: type = np.float64) -> list[np.ndarray]:
        """The inputs; the same ones every time."""
        rng = np.random.default_rng(1)
        return [rng.normal(size=i).astype(dtype) if isinstance(i, tuple) else np.asarray(i) for i in self.inputs]
