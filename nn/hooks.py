"""Functions that a user has called before and after a module, and in its backward pass."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np

from autodiff import Tensor, custom_gradient

from .errors import SHAPE_ERRORS, LayerError


class Handle:
    """Takes a hook off again."""

    def __init__(self, hooks: OrderedDict[Handle, Any], hook: Any, prepend: bool) -> None:
        self._hooks = hooks
        hooks[self] = hook
        if prepend:
            hooks.move_to_end(self, last=False)

    def remove(self) -> None:
        """Take the hook off; a second call does nothing."""
        self._hooks.pop(self, None)


class Hooks:
    """The hooks of one module; a module that never had any has none of these, and pays nothing."""

    def __init__(self) -> None:
        self.before: OrderedDict[Handle, tuple[Callable, bool]] = OrderedDict()
        self.after: OrderedDict[Handle, tuple[Callable, bool]] = OrderedDict()
        self.backward: OrderedDict[Handle, tuple[Callable, bool]] = OrderedDict()

    def add(
        self,
        when: Literal["before", "after", "backward"],
        hook: Callable,
        with_kwargs: bool = False,
        prepend: bool = False,
    ) -> Handle:
        """Call ``hook`` from now on, after those that are there already, or before them."""
        return Handle(getattr(self, when), (hook, with_kwargs), prepend)

    def call(self, module: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        """``module.forward(*args, **kwargs)``, with the hooks."""
        with _named(module, args, kwargs):
            for hook, with_kwargs in tuple(self.before.values()):
                if with_kwargs:
                    args, kwargs = hook(module, args, kwargs) or (args, kwargs)
                elif (replaced := hook(module, args)) is not None:
                    args = replaced if isinstance(replaced, tuple) else (replaced,)
        passage = Passage(module, self.backward) if self.backward else None
        if passage:
            args = passage.enter(args)
        out = module.forward(*args, **kwargs)
        with _named(module, args, kwargs):
            for hook, with_kwargs in tuple(self.after.values()):
                replaced = hook(module, args, kwargs, out) if with_kwargs else hook(module, args, out)
                out = out if replaced is None else replaced
        return passage.leave(out) if passage else out


@contextmanager
def _named(module: Any, args: tuple, kwargs: dict[str, Any]) -> Iterator[None]:
    """Have an error of a hook name the module, but not what the module expects, which it is not about."""
    try:
        yield
    except ValueError as error:
        if type(error) not in SHAPE_ERRORS:
            raise
        raise LayerError(module, args, kwargs, error) from error


class Passage:
    """One call of a module whose backward pass is watched: a gate before it, and one behind.

    The gradients of the outputs come through the gate behind, all at once, and are kept; those of the inputs then come
    through the gate before, where the hooks see both. If no input needs a gradient, the hooks are called right away.
    """

    def __init__(self, module: Any, hooks: Mapping[Handle, tuple[Callable, bool]]) -> None:
        self.module = module
        self.hooks = hooks
        self.width = 0
        self.tracked: list[int] = []
        self.grad_output: tuple | None = None

    def enter(self, args: tuple) -> tuple:
        """The inputs, through the gate before the module."""
        self.width, self.tracked = len(args), _tracked(args)
        return _through_gate(args, self.tracked, self._of_inputs)

    def leave(self, out: Any) -> Any:
        """The output, or tuple or list of outputs, through the gate behind the module."""
        several = isinstance(out, (tuple, list))
        outputs = tuple(out) if several else (out,)
        tracked = _tracked(outputs)

        def of_outputs(gradients: tuple) -> tuple:
            self.grad_output = _spread(gradients, tracked, len(outputs))
            if not self.tracked:
                self._of_inputs(())
            return gradients

        outputs = _through_gate(outputs, tracked, of_outputs)
        if not several:
            return outputs[0]
        return type(out)(*outputs) if hasattr(out, "_fields") else type(out)(outputs)

    def _of_inputs(self, gradients: tuple) -> tuple:
        if self.grad_output is None:  # a gradient that did not come through the output but from inside the module
            return gradients
        grad_input = _spread(gradients, self.tracked, self.width)
        for hook, _ in tuple(self.hooks.values()):
            replaced = hook(self.module, grad_input, self.grad_output)
            if replaced is not None:
                grad_input = replaced if isinstance(replaced, tuple) else (replaced,)
                if len(grad_input) != self.width:
                    raise ValueError(
                        f"a backward hook of {type(self.module).__name__} returned {len(grad_input)} gradients for "
                        f"{self.width} inputs"
                    )
        return tuple([grad_input[i] for i in self.tracked])


def _tracked(values: tuple) -> list[int]:
    """The places of those that a gradient can reach."""
    return [i for i, value in enumerate(values) if isinstance(value, Tensor) and value.requires_grad]


def _spread(gradients: tuple, places: list[int], width: int) -> tuple:
    """The gradients as tensors in their places, None in the others."""
    spread: list[Any] = [None] * width
    for place, gradient in zip(places, gradients, strict=True):
        spread[place] = gradient if isinstance(gradient, Tensor) else Tensor(gradient)
    return tuple(spread)


def _through_gate(values: tuple, places: list[int], gate: Callable[[tuple], tuple]) -> tuple:
    """The same values, but the gradients of those in ``places`` go all together through ``gate`` on their way back.

    One vector of all of them is what brings their gradients together.
    """
    if not places:
        return values
    passing = [values[i] for i in places]
    forms = [(value.shape, value.dtype) for value in passing]  # not the tensors, which nobody may need any more

    @custom_gradient
    def vector(*tensors: Any) -> tuple[Any, Callable]:
        def gradient(g: Any) -> Any:
            found = gate(tuple(_parts(g, forms)))
            plain = found if isinstance(g, Tensor) else [f.data if isinstance(f, Tensor) else f for f in found]
            return tuple(plain) if len(places) > 1 else plain[0]

        return np.concatenate([np.reshape(t, -1) for t in tensors]), gradient

    passed = list(values)
    for place, part in zip(places, _parts(vector(*passing), forms), strict=True):
        passed[place] = part
    return tuple(passed)


def _parts(vector: Any, forms: list[tuple[tuple[int, ...], np.dtype]]) -> list:
    """The vector in parts, each with the shape and dtype of one of the ``forms``."""
    parts, start = [], 0
    for shape, dtype in forms:
        end = start + math.prod(shape)
        parts.append(vector[start:end].reshape(shape).astype(dtype))
        start = end
    return parts
