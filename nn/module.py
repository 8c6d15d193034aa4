"""Module: what layers and models have in common."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from autodiff import Tensor

from .derived import by_expression
from .errors import SHAPE_ERRORS, LayerError, note_layer
from .hooks import Handle, Hooks
from .parameter import Parameter
from .representation import constructor_arguments, enclosed, nested
from .state import IncompatibleKeys, convert, load_state, read_state


class Module:
    """A function with parameters. A subclass sets attributes in ``__init__`` and computes in ``forward``.

    Parameters and modules are found where they are: in attributes, also inside lists, tuples and dicts.

    >>> class Scale(Module):
    ...     def __init__(self, factor):
    ...         self.factor = factor
    ...         self.weight = Parameter([1.0])
    ...
    ...     def forward(self, x):
    ...         return self.factor * self.weight * x
    >>> Scale(2.0), list(Scale(2.0).named_parameters())
    (Scale(factor=2.0), [('weight', Parameter([1.], dtype=float32, requires_grad=True))])
    """

    training: bool = True

    _buffers: Mapping[str, bool] = {}
    """Whether each buffer is persistent, by name; the arrays themselves are attributes."""

    optional_buffers: tuple[str, ...] = ()
    """The names of buffers that ``load_state_dict`` leaves as they are if a state lacks them."""

    _hooks: Hooks | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        if value is not None and isinstance(vars(self).get(name), Parameter) and not isinstance(value, Parameter):
            raise TypeError(
                f"{type(self).__name__}.{name} is a Parameter, and would no longer be learnt as a "
                f"{type(value).__name__}; assign a Parameter or None, or its values to {name}.data"
            )
        object.__setattr__(self, name, value)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The value of the module; every subclass has its own."""
        raise NotImplementedError(f"{type(self).__name__} has no forward method")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            if self._hooks is None:
                return self.forward(*args, **kwargs)
            return self._hooks.call(self, args, kwargs)
        except LayerError as error:
            error.raised_in(self)
            raise
        except TypeError as error:
            note_layer(error, self)
            raise
        except ValueError as error:
            if type(error) not in SHAPE_ERRORS:
                raise
            raise LayerError(self, args, kwargs, error, expects=self.expects) from error

    def by_expression(self, *args: Any, **kwargs: Any) -> Any:
        """The same value, recorded primitive by primitive: its gradient is the tape's, not the one derived by hand."""
        with by_expression():
            return self(*args, **kwargs)

    @property
    def expects(self) -> str:
        """The shape of the input, "(..., 4)" say, for errors to show; empty if any will do."""
        return ""

    # What it is made of

    def named_entries(self) -> Iterator[tuple[str, Any]]:
        """The module's own parameters and members with their names, those in lists and dicts as ``layers.0``."""
        for name, value in list(vars(self).items()):
            yield from _entries(name, value)

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules right below this one with their names, each once."""
        seen = set()
        for name, member in self.named_entries():
            if isinstance(member, Module) and id(member) not in seen:
                seen.add(id(member))
                yield name, member

    def named_modules(self, prefix: str = "", remove_duplicate: bool = True) -> Iterator[tuple[str, Module]]:
        """This module and all below it with their paths (this one's is ``prefix``), each once or under every path."""
        yield from self._walk(prefix, set(), remove_duplicate)

    def _walk(self, path: str, seen: set[int], remove_duplicate: bool) -> Iterator[tuple[str, Module]]:
        if id(self) in seen:
            return
        seen.add(id(self))
        yield path, self
        for name, member in self.named_entries():
            if isinstance(member, Module):
                yield from member._walk(_join(path, name), seen, remove_duplicate)
        if not remove_duplicate:
            seen.discard(id(self))  # what is left are the modules above, so that a cycle comes to an end

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """All parameters with their paths (``0.weight``), each once or under every path.

        Args:
            prefix: what the paths begin with.
            recurse: whether to include those of the modules below.
            remove_duplicate: whether a parameter that is shared comes once, under its first path.
        """
        seen = set()
        for path, module in self._places(prefix, recurse, remove_duplicate):
            for name, value in module.named_entries():
                if isinstance(value, Parameter) and id(value) not in seen:
                    if remove_duplicate:
                        seen.add(id(value))
                    yield _join(path, name), value

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, np.ndarray]]:
        """All buffers with their paths; the arguments are those of ``named_parameters``."""
        for path, module in self._places(prefix, recurse, remove_duplicate):
            for name in module.own_buffers():
                yield _join(path, name), np.asarray(vars(module)[name])

    def own_buffers(self, persistent: bool = False) -> list[str]:
        """The names of the module's own buffers that are not None, or only of those that ``state_dict`` has."""
        own = vars(self)
        return [
            name
            for name, kept in self._buffers.items()
            if (kept or not persistent) and not isinstance(own.get(name), (Parameter, type(None)))
        ]

    def _places(self, prefix: str, recurse: bool, remove_duplicate: bool) -> Iterable[tuple[str, Module]]:
        return self.named_modules(prefix, remove_duplicate) if recurse else [(prefix, self)]

    def children(self) -> Iterator[Module]:
        """The modules right below this one, each once."""
        return (module for _, module in self.named_children())

    def modules(self) -> Iterator[Module]:
        """This module and all below it, each once."""
        return (module for _, module in self.named_modules())

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """All parameters, each once."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def buffers(self, recurse: bool = True) -> Iterator[np.ndarray]:
        """All buffers."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> Module:
        """The module at the path ``target`` (the empty one is this module's); AttributeError if there is none."""
        return self._find("module", target, dict(self.named_modules(remove_duplicate=False)))

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at the path ``target``; AttributeError if there is none."""
        return self._find("parameter", target, dict(self.named_parameters(remove_duplicate=False)))

    def get_buffer(self, target: str) -> np.ndarray:
        """The buffer at the path ``target``; AttributeError if there is none."""
        return self._find("buffer", target, dict(self.named_buffers(remove_duplicate=False)))

    def _find(self, what: str, target: str, known: Mapping[str, Any]) -> Any:
        if target not in known:
            names = ", ".join(filter(None, known)) or "none"
            raise AttributeError(f"{type(self).__name__} has no {what} {target!r}; it has {names}")
        return known[target]

    def register_buffer(self, name: str, array: ArrayLike | None, persistent: bool = True) -> None:
        """Make ``array`` the attribute ``name``, as state that no gradient changes; assign to it to change it.

        Args:
            name: that of the attribute.
            array: anything ``numpy.asarray`` takes; None reserves the name.
            persistent: whether ``state_dict`` has it.

        Raises:
            KeyError: the name is that of something else already, or has a dot in it.
        """
        if name not in self._buffers:
            self._check_name(name)
        vars(self).setdefault("_buffers", {})[name] = persistent
        setattr(self, name, None if array is None else np.asarray(array))

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Assign ``param`` to the attribute ``name``; KeyError if that is something else already, or has a dot."""
        self._register(name, param, Parameter)

    def add_module(self, name: str, module: Module | None) -> None:
        """Assign ``module`` to the attribute ``name``; KeyError if that is something else already, or has a dot."""
        self._register(name, module, Module)

    register_module = add_module

    def _register(self, name: str, value: Any, kind: type) -> None:
        if value is not None and not isinstance(value, kind):
            raise TypeError(f"{name!r} of {type(self).__name__} is to be a {kind.__name__}, not {value!r}")
        if not isinstance(vars(self).get(name), kind):
            self._check_name(name)
        setattr(self, name, value)

    def _check_name(self, name: str) -> None:
        if not isinstance(name, str) or not name or "." in name:
            raise KeyError(f"{name!r} cannot be a name in {type(self).__name__}: it must be a string without dots")
        if getattr(self, name, None) is not None:
            raise KeyError(
                f"{name!r} cannot be a name in {type(self).__name__}: something else is called so already, and only a "
                "plain dict takes any name"
            )

    # Its state

    def state_dict(self, *, prefix: str = "") -> dict[str, np.ndarray]:
        """The values of all parameters and persistent buffers by path, as read-only arrays that never change.

        What is shared is listed under each of its paths. All of these begin with ``prefix``, which may end with a dot.
        """
        return {prefix + path: value for path, value in read_state(self).items()}

    def load_state_dict(self, state_dict: Mapping[str, ArrayLike | Tensor], strict: bool = True) -> IncompatibleKeys:
        """Copy values into parameters and buffers, by path; all of them, or none if anything is wrong.

        Args:
            state_dict: arrays by path, as the method of this name gives them; they are cast to the dtypes here.
            strict: whether paths that are missing, or that the module does not have, are errors.

        Returns:
            Those paths: ``missing_keys`` and ``unexpected_keys``.

        Raises:
            ValueError: lists every problem; nothing has changed then. What is shared may be missing under some of its
                paths, but not have two values.
        """
        return load_state(self, state_dict, strict)

    # What changes it as a whole

    def train(self, mode: bool = True) -> Self:
        """Set every module's ``training``, which dropout and batch norm look at; returns the module."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """``train(False)``."""
        return self.train(False)

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call ``fn`` with each module below this one, and at last with this one; returns the module.

        >>> from nn import Linear, Sequential, init
        >>> model = Sequential(Linear(2, 3), Linear(3, 1))
        >>> def start_at_zero(module):
        ...     if isinstance(module, Linear):
        ...         init.zeros_(module.bias)
        >>> _ = model.apply(start_at_zero)
        >>> model[0].bias
        Parameter([0., 0., 0.], dtype=float32, requires_grad=True)
        """
        self._apply(fn, set())
        return self

    def _apply(self, fn: Callable[[Module], Any], seen: set[int]) -> None:
        seen.add(id(self))
        for child in self.children():
            if id(child) not in seen:
                child._apply(fn, seen)
        fn(self)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Freeze all parameters (False) or have them learn (True); returns the module."""
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters; or make those that are there zeros, unless ``set_to_none``."""
        for parameter in self.parameters():
            if set_to_none or parameter.grad is None:
                parameter.grad = None
            else:
                parameter.grad = np.zeros_like(parameter.grad.data)

    def to(self, dtype: DTypeLike) -> Self:
        """Convert all floating-point parameters, their gradients, and buffers to ``dtype``; returns the module.

        Raises:
            TypeError: it is not a floating-point dtype.
        """
        convert(self, dtype)
        return self

    def half(self) -> Self:
        """``to(numpy.float16)``."""
        return self.to(np.float16)

    def float(self) -> Self:
        """``to(numpy.float32)``."""
        return self.to(np.float32)

    def double(self) -> Self:
        """``to(numpy.float64)``."""
        return self.to(np.float64)

    # Hooks

    def register_forward_pre_hook(self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False) -> Handle:
        """Have ``hook(module, args)`` called before ``forward``; what it returns, unless None, replaces ``args``.

        With ``with_kwargs`` it is ``hook(module, args, kwargs)``, and returns ``(args, kwargs)`` or None. Of several
        hooks it comes last, or first with ``prepend``. The handle's ``remove()`` takes the hook off again.
        """
        return self._hooked().add("before", hook, with_kwargs, prepend)

    def register_forward_hook(self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False) -> Handle:
        """Have ``hook(module, args, output)`` called after ``forward``; what it returns, unless None, is the output.

        With ``with_kwargs`` it is ``hook(module, args, kwargs, output)``. Of several hooks it comes last, or first with
        ``prepend``. The handle's ``remove()`` takes the hook off.
        """
        return self._hooked().add("after", hook, with_kwargs, prepend)

    def register_full_backward_hook(self, hook: Callable, prepend: bool = False) -> Handle:
        """Have ``hook(module, grad_input, grad_output)`` called in the backward pass.

        Both are tuples, of the gradients of the positional arguments and of the outputs, with None for what has none.
        What the hook returns, unless None, replaces ``grad_input``. Of several hooks it comes last, or first with
        ``prepend``. The handle's ``remove()`` takes the hook off again.
        """
        return self._hooked().add("backward", hook, prepend=prepend)

    def _hooked(self) -> Hooks:
        if self._hooks is None:
            self._hooks = Hooks()
        return self._hooks

    # How it reads

    def arguments(self) -> str:
        """The arguments of the constructor that are not its defaults, as far as attributes tell them."""
        return constructor_arguments(self)

    def extra_repr(self) -> str:
        """What ``repr`` shows in front of the members; a subclass may have its own."""
        return self.arguments()

    @reprlib.recursive_repr("...")
    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._shown()})"

    def _shown(self) -> str:
        own = list(filter(None, [self.extra_repr()]))
        members = [f"{name}={nested(value)}" for name, value in vars(self).items() if _holds_module(value)]
        return enclosed("", own + members, "") if members else "".join(own)


def _holds_module(value: Any) -> bool:
    return any(isinstance(entry, Module) for _, entry in _entries("", value))


def _entries(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, (Parameter, Module)):
        yield name, value
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from _entries(f"{name}.{i}", item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _entries(f"{name}.{key}", item)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
