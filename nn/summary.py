"""What a model consists of, as a table: its layers, the shapes of their outputs, and how many parameters they have."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from autodiff import Tensor, no_grad

from .module import Module
from .parameter import Parameter, get_default_dtype
from .random import get_rng_state, set_rng_state


@dataclass(frozen=True)
class Row:
    """One layer: its path in the model, its type, its outputs, and its own parameters, without those below it."""

    path: str
    layer: str
    outputs: tuple[str, ...]
    """The shape of the output of each call, a new one only."""
    parameters: int
    shared: bool
    """Whether some of its parameters are counted in a row above."""

    def cells(self) -> tuple[str, str, str, str]:
        """What the table shows."""
        counted = f"{self.parameters:,}" if self.parameters or not self.shared else "shared"
        return self.path, self.layer, " | ".join(self.outputs) or "not called", counted


@dataclass(frozen=True, repr=False)
class Summary:
    """See ``summary``; printed, it is a table. ``*_bytes`` is memory, for each output of a layer with none below it."""

    rows: tuple[Row, ...]
    trainable: int
    frozen: int
    parameter_bytes: int
    buffer_bytes: int
    output_bytes: int

    @property
    def parameters(self) -> int:
        """How many numbers the parameters are, each counted once."""
        return self.trainable + self.frozen

    def __str__(self) -> str:
        cells = [("path", "layer", "output", "parameters"), *(row.cells() for row in self.rows)]
        path, layer, output, count = (max(map(len, column)) for column in zip(*cells, strict=True))
        lines = [f"{p:{path}}  {k:{layer}}  {o:{output}}  {n:>{count}}".rstrip() for p, k, o, n in cells]
        rule = "-" * (path + layer + output + count + 6)
        return "\n".join(
            [
                lines[0],
                rule,
                *lines[1:],
                rule,
                f"parameters: {self.parameters:,} ({self.trainable:,} trainable, {self.frozen:,} frozen)",
                f"memory: parameters {_readable(self.parameter_bytes)}, buffers {_readable(self.buffer_bytes)}, "
                f"outputs {_readable(self.output_bytes)}",
            ]
        )

    __repr__ = __str__


def summary(
    model: Module,
    input_shape: Sequence[int] | Sequence[Sequence[int]],
    dtype: DTypeLike | Sequence[DTypeLike] | None = None,
) -> Summary:
    """Run the model on zeros, in evaluation mode, and list its layers; everything of it is afterwards as it was.

    >>> from nn import Linear, ReLU, Sequential
    >>> summary(Sequential(Linear(4, 8), ReLU(), Linear(8, 2)), (32, 4))
    path  layer       output   parameters
    -------------------------------------
          Sequential  (32, 2)           0
    0     Linear      (32, 8)          40
    1     ReLU        (32, 8)           0
    2     Linear      (32, 2)          18
    -------------------------------------
    parameters: 58 (58 trainable, 0 frozen)
    memory: parameters 232 B, buffers 0 B, outputs 2.3 kB

    Args:
        model: any module; its random numbers, modes, buffers and hooks are not disturbed, and nothing is recorded.
        input_shape: that of its input with the axis of the batch, or a list of shapes if it takes several.
        dtype: that of the input, or a list; by default that of the parameters.

    Raises:
        LayerError: the shape does not fit; it names the layer that refused its input.
    """
    single = all(isinstance(length, (int, np.integer)) for length in input_shape)
    shapes: list[Any] = [input_shape] if single else list(input_shape)
    dtypes: list[Any] = list(dtype) if isinstance(dtype, (list, tuple)) else [dtype] * len(shapes)
    if len(dtypes) != len(shapes):
        raise ValueError(f"summary was given {len(shapes)} shapes, but {len(dtypes)} dtypes")
    usual = next((p.dtype for p in model.parameters() if p.dtype.kind == "f"), get_default_dtype())
    zeros = [np.zeros(shape, usual if kind is None else kind) for shape, kind in zip(shapes, dtypes)]
    calls = _watched(model, [Tensor(x) if x.dtype.kind == "f" else x for x in zeros])
    own = dict(model.named_parameters())
    return Summary(
        rows=tuple(_rows(model, calls)),
        trainable=sum(p.size for p in own.values() if p.requires_grad),
        frozen=sum(p.size for p in own.values() if not p.requires_grad),
        parameter_bytes=sum(p.nbytes for p in own.values()),
        buffer_bytes=sum(buffer.nbytes for buffer in model.buffers()),
        output_bytes=sum(nbytes for module in model.modules() for _, nbytes in calls[id(module)]),
    )


def _rows(model: Module, calls: dict[int, list[tuple[str, int]]]) -> Iterator[Row]:
    counted: set[int] = set()
    for path, module in model.named_modules(remove_duplicate=False):
        parameters = {id(p): p.size for _, p in module.named_entries() if isinstance(p, Parameter)}
        yield Row(
            path=path,
            layer=type(module).__name__,
            outputs=tuple(dict.fromkeys(shape for shape, _ in calls[id(module)])),
            parameters=sum(size for key, size in parameters.items() if key not in counted),
            shared=not counted.isdisjoint(parameters),
        )
        counted |= parameters.keys()


def _watched(model: Module, inputs: list[Any]) -> dict[int, list[tuple[str, int]]]:
    """The shape of the output of each call, by the identity of the module, and the memory if it is a layer."""
    calls: dict[int, list[tuple[str, int]]] = {id(module): [] for module in model.modules()}

    def watch(module: Module, args: tuple, out: Any) -> None:
        calls[id(module)].append((_shape(out), 0 if any(module.children()) else _nbytes(out)))

    with _as_it_was(model), no_grad():
        handles = [module.register_forward_hook(watch) for module in model.eval().modules()]
        try:
            model(*inputs)
        finally:
            for handle in handles:
                handle.remove()
    return calls


@contextmanager
def _as_it_was(model: Module) -> Iterator[None]:
    """Put back what is assigned meanwhile: every attribute of every module, and the state of every generator."""
    attributes = [(vars(module), dict(vars(module))) for module in model.modules()]
    generators = {id(v): v for _, own in attributes for v in own.values() if isinstance(v, np.random.Generator)}
    states = [(own.bit_generator, own.bit_generator.state) for own in generators.values()]
    shared = get_rng_state()
    try:
        yield
    finally:
        for now, before in attributes:
            now.clear()
            now.update(before)
        for bits, state in states:
            bits.state = state
        set_rng_state(shared)


def _shape(out: Any) -> str:
    if isinstance(out, dict):
        return "{" + ", ".join(f"{key}: {_shape(value)}" for key, value in out.items()) + "}"
    if isinstance(out, (list, tuple)):
        return ", ".join(map(_shape, out))
    return str(out.shape) if hasattr(out, "shape") else type(out).__name__


def _nbytes(out: Any) -> int:
    if isinstance(out, dict):
        out = list(out.values())
    if isinstance(out, (list, tuple)):
        return sum(map(_nbytes, out))
    return getattr(out, "nbytes", 0)


def _readable(nbytes: float) -> str:
    """A number of bytes with its unit."""
    if nbytes < 1000:
        return f"{nbytes} B"
    unit = min(int(math.log(nbytes, 1000)), 3)
    return f"{nbytes / 1000**unit:.1f} {('kB', 'MB', 'GB')[unit - 1]}"
